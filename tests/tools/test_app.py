"""Who answers for a log: its owner, or this process, or nobody."""

import stat
import threading
import time
from pathlib import Path

import pytest

from scheduler.executor.owner import acquire, who_owns
from scheduler.log.sqlite import SqliteLog
from scheduler.model.errors import Conflict, NotAuthorised, Unreachable
from scheduler.model.limits import OWNER_PATIENCE
from tests.tools.making import CLOCK, defining
from tools import app
from tools.app import create, open_wishes
from tools.client import Client
from tools.owning import Owning
from tools.serving import Served
from tools.settings import Settings


def test_a_new_log_begins_with_its_creation_and_belongs_to_its_owner_alone(tmp_path: Path) -> None:
    create(tmp_path / "h.db")
    log = SqliteLog.open(tmp_path / "h.db")
    assert ["LogCreated"] == [type(one.event).__name__ for one in log.read()]
    assert 32 == len(log.identity)
    log.close()
    assert 0o600 == stat.S_IMODE((tmp_path / "h.db").stat().st_mode)
    assert None is who_owns(tmp_path / "h.db")


def test_two_logs_have_two_identities(tmp_path: Path) -> None:
    create(tmp_path / "a.db")
    create(tmp_path / "b.db")
    logs = [SqliteLog.open(tmp_path / name) for name in ("a.db", "b.db")]
    assert 2 == len({log.identity for log in logs})
    for log in logs:
        log.close()


def test_a_log_is_not_made_over_a_file(tmp_path: Path) -> None:
    (tmp_path / "h.db").write_text("mine")
    with pytest.raises(Conflict):
        create(tmp_path / "h.db")
    assert "mine" == (tmp_path / "h.db").read_text()


def test_where_there_is_no_log_nobody_answers(tmp_path: Path) -> None:
    with pytest.raises(Unreachable, match="No log at"):
        open_wishes(Settings(db=tmp_path / "h.db"))
    assert [] == list(tmp_path.iterdir())


def test_this_process_answers_when_nobody_owns_the_log(settings: Settings) -> None:
    with open_wishes(settings) as wishes:
        assert isinstance(wishes, Owning)


def test_the_server_answers_while_it_serves(served: Served) -> None:
    with open_wishes(served.settings) as wishes:
        assert isinstance(wishes, Client)


def test_another_command_that_owns_the_log_is_waited_for(settings: Settings) -> None:
    owner = acquire(settings.db, since=CLOCK.now(), host="here")
    timer = threading.Timer(0.1, owner.release)
    timer.start()
    with open_wishes(settings) as wishes:
        assert wishes.ask(defining()).facts
    timer.join()


def test_an_owner_that_stays_and_does_not_answer_is_named(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept_s: list[float] = []

    def sleep(seconds: float) -> None:
        slept_s.append(seconds)
        assert sum(slept_s) <= 2 * OWNER_PATIENCE.total_seconds()

    monkeypatch.setattr(time, "sleep", sleep)
    with (
        acquire(settings.db, since=CLOCK.now(), host="web-1"),
        pytest.raises(Conflict, match=r"on web-1 .*its socket does not answer\. If \d+ is stuck"),
    ):
        open_wishes(settings)
    assert pytest.approx(OWNER_PATIENCE.total_seconds()) == sum(slept_s)


def test_a_user_who_may_not_read_the_lock_is_let_in_by_the_socket(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreadable(path: Path) -> None:
        raise NotAuthorised("the lock is another's")

    monkeypatch.setattr(app, "who_owns", unreadable)
    with open_wishes(served.settings) as wishes:
        assert isinstance(wishes, Client)
        assert wishes.ask(defining()).facts
