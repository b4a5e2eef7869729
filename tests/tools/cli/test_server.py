"""`init`, `status`, `stop` and `doctor` as they are typed; what `serve` does is elsewhere."""

import os
import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from scheduler.executor.owner import acquire, who_owns
from tests.tools.cli.desk import Desk
from tools import serving as serving_module
from tools.serving import Served
from tools.settings import Settings, read_settings


@contextmanager
def serving(desk: Desk, *, obeys: bool = True) -> Iterator[Served]:
    """Serve the desk's log in this process; a request to stop is obeyed, or it is not."""
    asked = threading.Event()
    served = Served(read_settings(desk.folder / "horolog.toml"), lambda who: asked.set())

    def obey() -> None:
        asked.wait()
        served.stop()

    with ThreadPoolExecutor(1) as threads:
        obeyed = threads.submit(obey) if obeys else None
        try:
            yield served
        finally:
            asked.set()
            if obeyed is not None:
                obeyed.result()  # what goes wrong in it is told here
            served.stop()


# -- init


def test_init_makes_a_log_and_its_settings(
    bare_desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    (bare_desk.folder / "horolog.toml").unlink()
    printed = bare_desk.done("init")
    assert (
        "Made the log ./horolog.db\nMade the settings ./horolog.toml (time zone Asia/Tokyo)\n"
        == (printed.out)
    )
    assert "Next: horolog job add" in printed.err
    bare_desk.done("job", "add", "orders", "a.ok", "--cron", "0 9 * * *", "--unchecked")
    shown = bare_desk.done("job", "show", "orders", "--json=definition").json["definition"]
    assert "Asia/Tokyo" == shown["schedule"]["timezone"]


def test_init_leaves_settings_alone_that_are_there(bare_desk: Desk) -> None:
    before = (bare_desk.folder / "horolog.toml").read_text()
    printed = bare_desk.done("init")
    assert "./horolog.toml was there already and was left alone" in printed.out
    assert before == (bare_desk.folder / "horolog.toml").read_text()
    assert bare_desk.db.exists()


def test_init_refuses_a_log_that_is_there(desk: Desk) -> None:
    before = desk.db.read_bytes()
    printed = desk("init")
    assert (5, "./horolog.db exists already; it was left alone") == (
        printed.code,
        printed.err.replace(f"{desk.folder}", ".").strip(),
    )
    assert before == desk.db.read_bytes()


def test_init_makes_the_log_where_it_is_told(bare_desk: Desk) -> None:
    (bare_desk.folder / "horolog.toml").unlink()
    (bare_desk.folder / "logs").mkdir()
    bare_desk.done("init", "--db", "logs/h.db", "--config", "mine.toml")
    assert bare_desk.folder / "logs/h.db" == read_settings(bare_desk.folder / "mine.toml").db
    bare_desk.done("--config", "mine.toml", "job", "list")


def test_init_where_there_is_no_folder_makes_nothing(bare_desk: Desk) -> None:
    (bare_desk.folder / "horolog.toml").unlink()
    printed = bare_desk("init", "--db", "nowhere/h.db")
    assert (9, True) == (printed.code, "There is no folder" in printed.err)
    assert ["jobs.py"] == sorted(path.name for path in bare_desk.folder.iterdir())


# -- serve


def test_a_log_that_is_not_there_is_not_served(bare_desk: Desk) -> None:
    printed = bare_desk("serve")
    assert (9, True) == (printed.code, '"horolog init" makes one here' in printed.err)


def test_a_log_that_another_owns_is_not_served(desk: Desk) -> None:
    with acquire(desk.db, since=desk.clock.now(), host="web-1"):
        printed = desk("serve")
    assert (5, True) == (printed.code, "is owned by pid" in printed.err)


def test_settings_that_are_wrong_are_told_before_anything_is_served(desk: Desk) -> None:
    with (desk.folder / "horolog.toml").open("a") as file:
        file.write("[serve]\nslots = 0\n")
    printed = desk("serve")
    assert (2, True) == (printed.code, "serve.slots: got 0" in printed.err)
    assert None is who_owns(desk.db)


# -- status


def test_the_status_of_a_log_that_nobody_serves_is_told_and_is_exit_code_9(desk: Desk) -> None:
    desk.done("job", "add", "orders", "a.ok", "--every", "10m")
    printed = desk("status")
    assert 9 == printed.code
    assert "nobody serves it, so nothing fires" in printed.out
    assert "1 job, 0 open runs, 2 events" in printed.out
    value = desk("status", "--json").json
    assert (False, 1, None) == (value["serving"], value["jobs"], value["pid"])


def test_the_status_of_a_server_is_told(desk: Desk) -> None:
    with serving(desk) as served:
        printed = desk.done("status")
        value = desk.done("status", "--json").json
    assert f"{served.log.path}: served by pid {os.getpid()} on " in printed.out
    assert "epoch 1, 0 jobs, 9 services" in printed.out
    assert (True, os.getpid(), None) == (value["serving"], value["pid"], value["fault"])


def test_the_status_of_an_owner_that_does_not_answer_is_a_conflict(desk: Desk) -> None:
    with acquire(desk.db, since=desk.clock.now(), host="web-1"):
        printed = desk("status")
    assert (5, True) == (printed.code, "its socket does not answer" in printed.err)


def test_a_service_that_was_not_loaded_is_in_the_status(desk: Desk) -> None:
    (desk.folder / "jobs.py").write_text("import no_such_module")
    with serving(desk):
        printed = desk.done("status")
    assert "jobs.py was not loaded: ModuleNotFoundError" in printed.out


def test_a_pause_of_everything_is_in_the_status_and_found_by_the_doctor(desk: Desk) -> None:
    with serving(desk):
        assert False is desk.done("status", "--json").json["paused"]
        desk.done("job", "pause", "--all", "--until", "2050-01-01", "--missed", "latest")
        served = desk.done("status")
        value = desk.done("status", "--json").json
    end = " until 2050-01-01 00:00:00 CET; the newest fire it misses runs then. To end it: "
    for printed in (served, desk("status"), desk("doctor")):
        assert "Everything is paused since 2" in printed.out
        assert end in printed.out
    assert (True, "2049-12-31T23:00:00Z") == (value["paused"], value["paused_until"])
    unserved = desk("status", "--json").json
    names = ("paused", "paused_at", "paused_by", "paused_until", "pause_missed")
    assert [value[name] for name in names] == [unserved[name] for name in names]


# -- stop


def test_stop_waits_until_the_server_has_gone(desk: Desk) -> None:
    with serving(desk):
        printed = desk.done("stop")
        assert f"Stopped (pid {os.getpid()}).\n" == printed.out
        assert None is who_owns(desk.db)


def test_stop_where_nobody_serves_is_no_error(desk: Desk) -> None:
    assert "Nobody serves ./horolog.db.\n" == desk.done("stop").out.replace(f"{desk.folder}", ".")


def test_a_server_that_does_not_stop_in_time_is_exit_code_7(desk: Desk) -> None:
    with serving(desk, obeys=False):
        printed = desk("stop", "--timeout", "100ms")
    assert 7 == printed.code
    assert f"pid {os.getpid()} has not let go of the log after 100ms." in printed.err


# -- doctor


def test_the_doctor_of_a_sound_log_has_nothing_to_say(desk: Desk) -> None:
    printed = desk.done("doctor")
    assert ["state", "check", "message"] == printed.rows[0]
    assert {"ok"} == {row[0] for row in printed.rows[1:]}
    assert 0 == desk("doctor", "--strict").code


def test_a_warning_is_an_exit_code_only_when_it_is_asked_for(desk: Desk) -> None:
    desk.db.chmod(0o644)
    assert 0 == desk("doctor").code
    assert 10 == desk("doctor", "--strict").code
    found = [row for row in desk("doctor", "--json").json if row["state"] == "warn"]
    assert {"files"} == {row["check"] for row in found}


def test_a_failure_is_the_doctors_exit_code(desk: Desk) -> None:
    with sqlite3.connect(desk.db) as db:
        (name,) = db.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'").fetchone()
        db.execute(f"DROP TRIGGER {name}")
    db.close()
    printed = desk("doctor")
    assert (8, True) == (printed.code, f"{name} is missing" in printed.out)


def test_the_doctor_of_no_log_says_how_to_make_one(bare_desk: Desk) -> None:
    printed = bare_desk("doctor")
    assert (9, True) == (printed.code, '"horolog init" makes one here' in printed.out)


# -- where serve listens


@pytest.mark.parametrize(
    ("words", "told", "expected"),
    [
        ((), "", ("127.0.0.1:8321", None)),
        ((), '[http]\nlisten = "none"\nprobe_listen = "a:1"\n', ("none", "a:1")),
        (("--listen", "b:2"), '[http]\nlisten = "a:1"\n', ("b:2", None)),
        (("--probe-listen", "none"), '[http]\nprobe_listen = "a:1"\n', ("127.0.0.1:8321", "none")),
    ],
)
def test_serve_listens_where_it_is_told_and_else_where_the_settings_say(
    words: tuple[str, ...],
    told: str,
    expected: tuple[str, str | None],
    bare_desk: Desk,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("HOROLOG_LISTEN")
    with (bare_desk.folder / "horolog.toml").open("a") as settings:
        settings.write(told)
    asked: list[tuple[str | None, str | None]] = []

    def serve(settings: Settings) -> int:
        asked.append((settings.listen, settings.probe_listen))
        return 0

    monkeypatch.setattr(serving_module, "serve", serve)
    bare_desk.done("serve", *words)
    assert [expected] == asked


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--listen", "8321"), '--listen: got "8321" instead of HOST:PORT'),
        (("--listen", "0.0.0.0:0"), "Refusing to listen on 0.0.0.0:0: there are no tokens"),
        (("--listen", "none", "--probe-listen", "x"), '--probe-listen: got "x"'),
    ],
)
def test_serve_refuses_where_it_cannot_listen(
    words: tuple[str, ...], told: str, bare_desk: Desk
) -> None:
    bare_desk.create()
    printed = bare_desk("serve", *words)
    assert 2 == printed.code
    assert told in printed.err
