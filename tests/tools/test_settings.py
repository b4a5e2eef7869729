"""Settings come from one file; what is wrong in it is refused by the file and the name."""

import os
from datetime import timedelta
from pathlib import Path

import pytest

from scheduler.model.errors import BadInput
from scheduler.model.limits import (
    KEY_LIMIT_MAX,
    KEYS_NAMED_MAX,
    PATTERNS_MAX,
    SETTINGS_BYTES_MAX,
    SLOTS_MAX,
)
from services.connections.references import HINT
from tools import settings as module
from tools.settings import KEYS, TABLES, Settings, load_settings, read_settings, settings_file

WHOLE = """
db = "logs/h.db"
display_timezone = "Asia/Tokyo"
[defaults]
timezone = "Europe/Warsaw"
[services]
load = ["jobs/*.py", "package.module"]
reload = "never"
[serve]
slots = 4
stop_grace = "1m"
[socket]
mode = "0660"
group = "horolog"
[audit]
require_reason = true
[commands]
allow = ["/usr/bin/pg_dump"]
[http_request]
allow_private = true
allow_redirects = true
[http]
listen = "none"
probe_listen = "127.0.0.1:9000"
[retention]
output = "7d"
output_bytes = "1MiB"
[concurrency]
crm = 3
"the database" = 10000
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "horolog.toml"


def refused(file: Path, text: str) -> list[str]:
    file.write_text(text)
    with pytest.raises(BadInput) as error:
        read_settings(file)
    return [str(problem).removeprefix(f"{file}: ") for problem in error.value.problems]


def test_every_setting_is_read(file: Path) -> None:
    file.write_text(WHOLE)
    assert Settings(
        db=file.parent / "logs/h.db",
        file=file,
        base=file.parent,
        timezone="Europe/Warsaw",
        display_timezone="Asia/Tokyo",
        load=("jobs/*.py", "package.module"),
        reload="never",
        slots=4,
        stop_grace=timedelta(minutes=1),
        socket_mode=0o660,
        socket_group="horolog",
        require_reason=True,
        commands=("/usr/bin/pg_dump",),
        allow_private=True,
        allow_redirects=True,
        listen="none",
        probe_listen="127.0.0.1:9000",
        output_retention=timedelta(days=7),
        output_bytes=1024 * 1024,
        concurrency={"crm": 3, "the database": KEY_LIMIT_MAX},
    ) == read_settings(file)


def test_the_example_names_every_setting() -> None:
    assert [] == [key for key in (*KEYS, *TABLES) if key.rpartition(".")[2] not in WHOLE]


def test_an_empty_file_leaves_everything_as_it_was(file: Path) -> None:
    file.write_text("")
    assert Settings(file=file, base=file.parent) == read_settings(file)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("slots = 4", "slots: is not a setting. Did you mean serve.slots?"),
        ("[serve]\nslot = 4", "serve.slot: is not a setting. Did you mean serve.slots?"),
        ("[server]\nslots = 4", "server: is not a setting. Did you mean serve?"),
        (
            "colour = 1",
            "colour: is not a setting. Known here: audit, commands, concurrency, connections, db,",
        ),
        ("serve = 4", "serve: is a table of settings, not a value. Write [serve]"),
        ("db = 5", "db: got 5 instead of a text."),
        ('db = ""', 'db: got "" instead of a text.'),
        ('db = "a\\u0000"', 'db: got "a\\u0000" instead of a text.'),
        ('display_timezone = "Mars"', 'display_timezone: there is no time zone "Mars"'),
        ('[defaults]\ntimezone = "europe/warsaw"', "defaults.timezone: "),
        ('[services]\nload = "jobs/*.py"', 'services.load: got "jobs/*.py" instead of a list.'),
        (
            f"[services]\nload = {['a.py'] * (PATTERNS_MAX + 1)}",
            "services.load: has 1001 entries; at most 1000.",
        ),
        ("[services]\nload = [1]", "services.load[0]: got 1 instead of a text."),
        ("[serve]\nslots = 0", "serve.slots: got 0 instead of a whole number from 1 to 10,000."),
        (f"[serve]\nslots = {SLOTS_MAX + 1}", "serve.slots: got 10001 instead of a whole number"),
        ("[serve]\nslots = true", "serve.slots: got True instead of a whole number"),
        ("[serve]\nslots = 99999999999999999999", "serve.slots: got 99999999999999999999 instead"),
        ("[serve]\nslots = nan", "serve.slots: got nan instead of a whole number"),
        ("[serve]\nstop_grace = 20", "serve.stop_grace: got 20 instead of a duration."),
        ('[serve]\nstop_grace = "soon"', "serve.stop_grace: "),
        ('[serve]\nstop_grace = "25h"', "serve.stop_grace: is more than 1d."),
        ("[socket]\nmode = 600", "socket.mode: got 600 instead of a mode."),
        ('[socket]\nmode = "0666"', 'socket.mode: got "0666" instead of a mode.'),
        ("[socket]\ngroup = 0", "socket.group: got 0 instead of a text."),
        (
            '[audit]\nrequire_reason = "yes"',
            'audit.require_reason: got "yes" instead of true or false.',
        ),
        ("[retention]\noutput = 30", "retention.output: got 30 instead of a duration."),
        ('[retention]\noutput = "-1d"', "retention.output: "),
        ('[retention]\noutput = "1M"', "retention.output: "),
        (
            "[retention]\noutput_bytes = 5",
            'retention.output_bytes: got 5 instead of a size. As in "1GiB"; units: B, KiB, MiB,',
        ),
        ('[retention]\noutput_bytes = "1GB"', 'retention.output_bytes: got "1GB" instead of'),
        ('[retention]\noutput_bytes = "-1GiB"', 'retention.output_bytes: got "-1GiB" instead'),
        ('[retention]\noutput_bytes = "1.5GiB"', 'retention.output_bytes: got "1.5GiB" instead'),
        ("concurrency = 3", "concurrency: is a table of keys, not a value. Write [concurrency]"),
        ("[concurrencies]\ndb = 3", "concurrencies: is not a setting. Did you mean concurrency?"),
        ("[[concurrency]]\ndb = 3", "concurrency: is a table of keys, not a value."),
        ("[concurrency]\ndb = 0", "concurrency.db: got 0 instead of a whole number from 1 to"),
        ("[concurrency]\ndb = 10001", "concurrency.db: got 10001 instead of a whole number"),
        ("[concurrency]\ndb = true", "concurrency.db: got True instead of a whole number"),
        ("[concurrency]\ndb = 1.5", "concurrency.db: got 1.5 instead of a whole number"),
        ('[concurrency]\ndb = "3"', 'concurrency.db: got "3" instead of a whole number'),
        ("[concurrency.db]\nmax = 3", "concurrency.db: got {'max': 3} instead of a whole number"),
        ('[concurrency]\n"" = 3', 'concurrency."": is empty. Name what is shared'),
        ('[concurrency]\n" db" = 3', 'concurrency." db": " db" begins or ends with a space.'),
        ('[concurrency]\n"a\\u001b" = 3', "holds the character U+001B, which cannot be printed."),
        (
            f"[concurrency]\na = {KEY_LIMIT_MAX + 1}",
            "concurrency.a: got 10001 instead of a whole number from 1 to 10,000.",
        ),
        (f"[concurrency]\n{'k' * 201} = 3", ": has 201 characters; at most 200."),
        (
            "[concurrency]\n" + "".join(f"k{n} = 1\n" for n in range(KEYS_NAMED_MAX + 1)),
            "concurrency: names 1,001 keys; at most 1,000.",
        ),
        ("x = ", "this is not TOML: "),
        ("db = 1\ndb = 2", "this is not TOML: "),
    ],
)
def test_a_wrong_setting_is_refused_alone_by_its_name(file: Path, text: str, told: str) -> None:
    found = refused(file, text)
    assert 1 == len(found)
    assert told in found[0]


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0B", 0),
        ("1B", 1),
        ("2 KiB", 2_048),
        ("1MiB", 1 << 20),
        ("1GiB", 1 << 30),
        ("9TiB", 9 << 40),
    ],
)
def test_a_size_has_a_unit(file: Path, text: str, size: int) -> None:
    file.write_text(f'[retention]\noutput_bytes = "{text}"')
    assert size == read_settings(file).output_bytes


def test_the_most_keys_that_may_be_named_are_read(file: Path) -> None:
    file.write_text("[concurrency]\n" + "".join(f"k{n} = 1\n" for n in range(KEYS_NAMED_MAX)))
    assert KEYS_NAMED_MAX == len(read_settings(file).concurrency)


def test_every_wrong_setting_is_told_at_once(file: Path) -> None:
    found = refused(file, "db = 1\ncolour = 2\n[serve]\nslots = -1\n[concurrency]\na = 0\nb = 0")
    assert ["concurrency.a", "concurrency.b", "db", "colour", "serve.slots"] == [
        line.partition(":")[0] for line in found
    ]


def test_a_file_that_is_no_utf8_is_refused_by_its_byte(file: Path) -> None:
    file.write_bytes(b'db = "\xff"')
    with pytest.raises(BadInput, match=r"byte 6 is not UTF-8"):
        read_settings(file)


def test_a_file_that_cannot_be_a_settings_file_is_not_read_whole(file: Path) -> None:
    file.write_bytes(b"#" * (SETTINGS_BYTES_MAX + 1))
    with pytest.raises(BadInput, match="larger than 1,048,576 bytes"):
        read_settings(file)


# -- where they come from


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(module, "FILE_OF_MACHINE", tmp_path / "etc.toml")
    return tmp_path


def test_without_a_file_the_log_is_looked_for_here(here: Path) -> None:
    assert Settings() == load_settings(environ={})
    assert Path("horolog.db") == Settings().db


def test_the_nearer_file_is_the_one_that_counts(here: Path) -> None:
    for name in ("etc.toml", "horolog.toml", "named.toml", "given.toml"):
        assert not (here / name).exists()
        (here / name).write_text("")
        environ = {"HOROLOG_CONFIG": "named.toml"} if name in {"named.toml", "given.toml"} else {}
        config = "given.toml" if name == "given.toml" else None
        found = settings_file(config, environ)
        assert found is not None
        assert name == found.name


def test_a_file_that_was_named_must_be_there(here: Path) -> None:
    with pytest.raises(BadInput, match=r'--config: there is no settings file "gone.toml"'):
        load_settings(config="gone.toml", environ={})
    with pytest.raises(BadInput, match="HOROLOG_CONFIG: there is no settings file"):
        load_settings(environ={"HOROLOG_CONFIG": ""})
    with pytest.raises(BadInput, match="--config: there is no settings file"):
        load_settings(config="a\0b", environ={})
    with pytest.raises(BadInput, match="--config: there is no settings file"):
        load_settings(config=os.fspath(here), environ={})


def test_the_log_named_last_counts_and_the_rest_of_the_file_stays(here: Path) -> None:
    (here / "horolog.toml").write_text(WHOLE)
    assert Path("logs/h.db") == load_settings(environ={}).db
    assert Path("e.db") == load_settings(environ={"HOROLOG_DB": "e.db"}).db
    given = load_settings(db="o.db", environ={"HOROLOG_DB": "e.db"})
    assert (Path("o.db"), 4) == (given.db, given.slots)


def test_a_log_without_a_name_is_refused(here: Path) -> None:
    with pytest.raises(BadInput, match="--db: names no file"):
        load_settings(db="", environ={})
    with pytest.raises(BadInput, match="HOROLOG_DB: names no file"):
        load_settings(environ={"HOROLOG_DB": ""})


def test_a_log_in_the_file_lies_beside_it_wherever_the_command_is_typed(
    here: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / "horolog.toml").write_text('db = "h.db"')
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    found = load_settings(config=str(here / "horolog.toml"), environ={})
    assert (here / "h.db", here) == (found.db, found.base)


@pytest.mark.parametrize(
    ("environ", "listen", "probe_listen"),
    [
        ({}, "127.0.0.1:9001", None),
        ({"HOROLOG_LISTEN": "none"}, "none", None),
        (
            {"HOROLOG_LISTEN": "[::1]:1", "HOROLOG_PROBE_LISTEN": "web-1:9"},
            "[::1]:1",
            "web-1:9",
        ),
    ],
)
def test_the_environment_says_where_to_listen_before_the_file_does(
    file: Path, environ: dict[str, str], listen: str, probe_listen: str | None
) -> None:
    file.write_text('[http]\nlisten = "127.0.0.1:9001"\n')
    settings = load_settings(config=str(file), environ=environ)
    assert (listen, probe_listen) == (settings.listen, settings.probe_listen)


@pytest.mark.parametrize("name", ["HOROLOG_LISTEN", "HOROLOG_PROBE_LISTEN"])
def test_an_address_that_is_none_is_refused_by_the_name_of_its_variable(name: str) -> None:
    with pytest.raises(BadInput, match=rf'{name}: got "8321" instead of HOST:PORT'):
        load_settings(environ={name: "8321"})


def test_an_address_that_is_none_is_refused_by_its_key(file: Path) -> None:
    assert ['http.listen: got "8321" instead of HOST:PORT. As in 127.0.0.1:8321, or "none"'] == (
        refused(file, '[http]\nlisten = "8321"')
    )


def test_connections_are_read_with_the_rest_of_the_file(file: Path) -> None:
    file.write_text(
        """
        [connections."My SMTP"]
        kind = "smtp"
        host = "mail.example.com"
        username = "jobs"
        password = "file:secrets/smtp"
        """
    )
    (found,) = read_settings(file).connections
    assert ("My SMTP", "mail.example.com:587") == (found.name, found.where)
    (password,) = found.references()
    assert 'connections."My SMTP".password' == password.path


def test_what_is_wrong_with_a_connection_is_told_beside_the_rest_and_no_secret_repeated(
    file: Path,
) -> None:
    assert [
        'connections."My SMTP".prot: is not a field. Did you mean port?',
        f'connections."My SMTP".password: a secret is not written here. {HINT}',
        'connections."My SMTP".host: is missing. Add host = "…"',
        'connections."My SMTP".username: is missing: there is a password.',
        "serve.slots: got 0 instead of a whole number from 1 to 10,000.",
    ] == refused(
        file,
        """
        [serve]
        slots = 0
        [connections."My SMTP"]
        kind = "smtp"
        prot = 25
        password = "hunter2!"
        """,
    )
    assert ['connections: is a table of connections, not a value. Write [connections."NAME"]'] == (
        refused(file, "connections = 5")
    )
