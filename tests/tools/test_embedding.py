"""`Horolog` in a program of the user's own, on a real file."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event

import pytest

from horolog import Context, Horolog, every, once, service
from scheduler.model.errors import BadInput, Conflict, NotFound
from services.registry import DEFAULT

CALLED = Event()


def call(ctx: Context) -> object:
    CALLED.set()
    return ctx.data


@pytest.fixture
def horolog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Horolog:
    CALLED.clear()
    registered = dict(DEFAULT._services)  # noqa: SLF001  # the one global, put back afterwards
    monkeypatch.setattr(DEFAULT, "_services", registered)
    service("embedding.call")(call)
    return Horolog(tmp_path / "horolog.db")


def test_a_job_is_added_and_shown_before_anything_serves(horolog: Horolog) -> None:
    horolog.add("orders", "embedding.call", every("5m"), timeout=timedelta(minutes=2))
    (job,) = horolog.jobs()
    assert ("orders", timedelta(minutes=2)) == (job.name, job.definition.timeout)


def test_adding_what_stands_so_changes_nothing_and_another_is_an_edit(horolog: Horolog) -> None:
    first = horolog.add("orders", "embedding.call", every("5m"))
    again = horolog.add("orders", "embedding.call", every("5m"))
    edited = horolog.add("orders", "embedding.call", every("5m"), overlap="allow")
    assert first == again == edited
    assert 2 == horolog.job("orders").revision


def test_a_run_by_hand_carries_its_input(horolog: Horolog) -> None:
    with horolog:
        horolog.add("orders", "embedding.call", once(datetime(2200, 1, 1, tzinfo=UTC)))
        run = horolog.trigger("orders", {"table": "orders"})
        assert CALLED.wait(10)
    (row,) = horolog.runs("orders")
    assert (run, "trigger", "succeeded", '{"table":"orders"}') == (
        row.run,
        row.cause,
        row.status,
        row.result.text,
    )


def test_it_stops_in_order_and_starts_again(horolog: Horolog) -> None:
    for _ in range(2):
        with horolog:
            horolog.add("orders", "embedding.call", every("5m"))
    assert 1 == len(horolog.jobs())


def test_a_second_server_of_one_log_is_refused(horolog: Horolog, tmp_path: Path) -> None:
    with horolog, pytest.raises(Conflict):
        Horolog(tmp_path / "horolog.db").start()


def test_a_wrong_policy_is_named_and_nothing_is_stored(horolog: Horolog) -> None:
    with pytest.raises(BadInput, match="overlapp"):
        horolog.add("orders", "embedding.call", every("5m"), overlapp="skip")
    assert [] == horolog.jobs()


def test_states_and_removal_go_by_name(horolog: Horolog) -> None:
    horolog.add("orders", "embedding.call", every("5m"))
    horolog.pause("orders")
    assert "paused" == horolog.job("orders").status
    horolog.resume("orders", missed="latest")
    horolog.edit("orders", description="loads orders")
    assert ("active", "loads orders") == (
        horolog.job("orders").status,
        horolog.job("orders").definition.description,
    )
    horolog.remove("orders")
    assert [] == horolog.jobs()
    with pytest.raises(NotFound):
        horolog.pause("nobody")
