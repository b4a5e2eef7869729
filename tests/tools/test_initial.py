"""`init` leaves an empty log and a settings file that explains everything that can be set."""

import re
import tomllib
from datetime import UTC, datetime
from pathlib import Path

import pytest

from scheduler.executor.clock import ManualClock
from scheduler.model.errors import Conflict
from tools import initial
from tools.addresses import LISTEN_DEFAULT
from tools.initial import TEMPLATE, begin, db_from, machine_zone, quoted
from tools.reading import open_reading
from tools.settings import KEYS, TABLES, Settings, read_settings

CLOCK = ManualClock(datetime(2026, 3, 1, 12, tzinfo=UTC))


def leaves(table: dict[str, object], prefix: str = "") -> set[str]:
    found: set[str] = set()
    for key, value in table.items():
        path = f"{prefix}{key}"
        found |= leaves(value, f"{path}.") if isinstance(value, dict) else {path}
    return found


def test_the_file_explains_every_setting_and_no_other() -> None:
    text = TEMPLATE.format(db='"horolog.db"', timezone='"UTC"')
    uncommented = re.sub(r"^# (?=[a-z_]+ = )", "", text, flags=re.MULTILINE)
    table = tomllib.loads(uncommented)
    assert set(KEYS) == leaves(table)
    assert set(TABLES) == {key for key, value in table.items() if isinstance(value, dict)}


def test_the_connections_and_keys_it_shows_are_sound(tmp_path: Path) -> None:
    file = tmp_path / "horolog.toml"
    text = TEMPLATE.format(db='"horolog.db"', timezone='"UTC"')
    file.write_text(re.sub(r"^#   ", "", text, flags=re.MULTILINE))
    settings = read_settings(file)
    assert ["My Data Source", "My SMTP"] == [one.name for one in settings.connections]
    assert {"the database": 3} == settings.concurrency


def test_the_values_it_shows_are_the_defaults(tmp_path: Path) -> None:
    file = tmp_path / "horolog.toml"
    text = TEMPLATE.format(db='"horolog.db"', timezone='"UTC"')
    own = "display|group|probe_listen"  # what there is no default of
    file.write_text(re.sub(rf"^# (?!{own})(?=[a-z_]+ = )", "", text, flags=re.MULTILINE))
    expected = Settings(
        db=tmp_path / "horolog.db",
        file=file,
        base=tmp_path,
        load=("jobs/*.py",),
        listen=str(LISTEN_DEFAULT),
    )
    assert expected == read_settings(file)


def test_log_and_file_are_made_and_fit_together(tmp_path: Path) -> None:
    file = tmp_path / "horolog.toml"
    assert begin(tmp_path / "h.db", file, "Europe/Warsaw", CLOCK)
    settings = read_settings(file)
    assert (tmp_path / "h.db", "Europe/Warsaw") == (settings.db, settings.timezone)
    with open_reading(settings) as reading:
        assert 1 == reading.log.head().position
        assert None is reading.owner


def test_a_log_that_is_there_is_refused_and_left_alone(tmp_path: Path) -> None:
    log, file = tmp_path / "h.db", tmp_path / "horolog.toml"
    log.write_text("mine")
    with pytest.raises(Conflict, match="exists already; it was left alone"):
        begin(log, file, "UTC", CLOCK)
    assert "mine" == log.read_text()
    assert not file.exists()


def test_a_file_that_is_there_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "horolog.toml"
    file.write_text("# mine")
    assert not begin(tmp_path / "h.db", file, "UTC", CLOCK)
    assert "# mine" == file.read_text()
    assert (tmp_path / "h.db").exists()


def test_a_log_elsewhere_is_named_in_full(tmp_path: Path) -> None:
    assert "a/h.db" == db_from(tmp_path / "horolog.toml", tmp_path / "a/h.db")
    assert str(tmp_path / "h.db") == db_from(tmp_path / "a/horolog.toml", tmp_path / "h.db")


def test_a_path_with_quotes_is_written_as_toml() -> None:
    odd = 'a"b\\c.db'
    assert {"db": odd} == tomllib.loads(f"db = {quoted(odd)}")


@pytest.mark.parametrize(
    ("told", "zone"),
    [
        (":Europe/Warsaw", "Europe/Warsaw"),
        ("Asia/Tokyo", "Asia/Tokyo"),
        ("Etc/UTC", "UTC"),
        ("/usr/share/zoneinfo/Asia/Tokyo", "UTC"),  # a path is no name
        ("CET-1CEST,M3.5.0,M10.5.0/3", "UTC"),
    ],
)
def test_the_machines_zone_is_taken_when_it_has_a_name(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, told: str, zone: str
) -> None:
    monkeypatch.setenv("TZ", told)
    monkeypatch.setattr(initial, "LOCAL_ZONE", tmp_path / "none")
    monkeypatch.setattr(initial, "ZONE_FILE", tmp_path / "none")
    assert zone == machine_zone()


def test_the_machines_zone_is_read_from_its_link_and_then_from_its_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("TZ", raising=False)
    monkeypatch.setattr(initial, "LOCAL_ZONE", tmp_path / "localtime")
    monkeypatch.setattr(initial, "ZONE_FILE", tmp_path / "timezone")
    (tmp_path / "timezone").write_text("Asia/Tokyo\n")
    assert "Asia/Tokyo" == machine_zone()
    (tmp_path / "localtime").symlink_to(tmp_path / "zoneinfo/Europe/Warsaw")
    assert "Europe/Warsaw" == machine_zone()
