"""Whoever reads sees all that the log holds, whoever keeps the views, and wherever they may lie."""

import time
from contextlib import closing
from pathlib import Path

import pytest

from projections import read_jobs
from scheduler.executor.derived import ViewsFile, views_path
from scheduler.executor.owner import acquire
from scheduler.log.sqlite import SqliteLog
from scheduler.model.errors import Unreachable
from tests.tools.making import CLOCK, defining
from tools import reading as module
from tools.app import open_wishes
from tools.reading import open_reading, shows, views_at_head
from tools.serving import Served
from tools.settings import Settings


def names(settings: Settings) -> list[str]:
    with open_reading(settings) as reading:
        return [row.name for row in read_jobs.jobs(reading.views)]


@pytest.fixture
def filled(settings: Settings) -> Settings:
    """Return the settings of a log with one job."""
    with open_wishes(settings) as wishes:
        wishes.ask(defining())
    return settings


def test_where_there_is_no_log_nothing_is_made(tmp_path: Path) -> None:
    with pytest.raises(Unreachable, match=r"No log at .*horolog init"):
        open_reading(Settings(db=tmp_path / "h.db"))
    assert [] == list(tmp_path.iterdir())


def test_views_that_are_gone_are_made_again(filled: Settings) -> None:
    views_path(filled.db).unlink()
    assert ["report"] == names(filled)


def test_views_that_are_broken_are_made_again(filled: Settings) -> None:
    views_path(filled.db).write_bytes(b"\0" * 4_096)
    assert ["report"] == names(filled)


def test_views_of_another_log_are_made_again(filled: Settings, tmp_path: Path) -> None:
    other = Settings(db=tmp_path / "other.db")
    from tools.app import create

    create(other.db)
    assert [] == names(other)
    views_path(other.db).replace(views_path(filled.db))
    assert ["report"] == names(filled)


def test_views_that_nobody_may_write_are_folded_in_memory(filled: Settings) -> None:
    views_path(filled.db).unlink()
    views_path(filled.db).mkdir()
    assert ["report"] == names(filled)


def test_views_that_another_command_keeps_from_us_are_read_as_they_are(
    filled: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ["report"] == names(filled)
    monkeypatch.setattr(module, "LOOK_S", 1.0)  # few looks, and none of them waits
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    with closing(SqliteLog.open(filled.db)) as log:
        kept = ViewsFile.open(filled.db, identity=log.identity)
        with closing(kept), acquire(filled.db, since=CLOCK.now(), host="here"):
            assert ["report"] == names(filled)


def test_a_servers_views_are_read_while_it_serves(served: Served) -> None:
    with open_wishes(served.settings) as wishes:
        wishes.ask(defining())
    with open_reading(served.settings) as reading:
        assert served.owner.record == reading.owner
        assert ["report"] == [row.name for row in read_jobs.jobs(reading.views)]


def test_views_are_at_the_head_or_they_are_not(filled: Settings) -> None:
    with closing(SqliteLog.open(filled.db)) as log:
        head = log.head()
        with closing(views_at_head(filled.db, log)) as views:
            assert shows(views, head)
            assert not shows(views, head._replace(position=head.position + 1))
            assert not shows(views, head._replace(hash=bytes(32)))
