"""`Horolog` in a program of the user's own, on a real file."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from threading import Event
from zoneinfo import ZoneInfo

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


def test_policies_are_said_in_pythons_own_values(horolog: Horolog) -> None:
    horolog.add(
        "orders",
        "embedding.call",
        every("5m"),
        jitter=timedelta(seconds=20),
        exclude=[date(2026, 12, 24), "2026-12-31..2027-01-01"],
        overlap="queue",
        queue_limit=3,
        retry={"max_attempts": 3, "give_up_after": timedelta(hours=1)},
    )
    definition = horolog.job("orders").definition
    assert (timedelta(seconds=20), 3) == (definition.jitter, definition.queue_limit)
    assert timedelta(hours=1) == definition.retry.give_up_after
    assert [(date(2026, 12, 24), date(2026, 12, 24)), (date(2026, 12, 31), date(2027, 1, 1))] == [
        (days.first, days.last) for days in definition.exclude.dates
    ]
    horolog.edit("orders", exclude=None)
    assert horolog.job("orders").definition.exclude is None


def test_a_pause_may_have_an_end_in_any_zone(horolog: Horolog) -> None:
    horolog.add("orders", "embedding.call", every("5m"))
    end = datetime(2200, 1, 1, 12, tzinfo=ZoneInfo("Asia/Tokyo"))
    horolog.pause("orders", until=end, missed="latest")
    row = horolog.job("orders")
    assert ("paused", end, "latest") == (row.status, row.paused_until, row.pause_missed)


def test_a_fire_time_is_passed_over_and_restored(horolog: Horolog) -> None:
    horolog.add("orders", "embedding.call", every("5m"))
    coming = horolog.job("orders").next_fire
    horolog.skip_next("orders")
    horolog.skip_next("orders", coming + timedelta(minutes=5))
    row = horolog.job("orders")
    assert coming + timedelta(minutes=10) == row.next_fire
    assert (coming, coming + timedelta(minutes=5)) == row.skipping
    horolog.restore_next("orders", coming)
    assert (coming + timedelta(minutes=5),) == horolog.job("orders").skipping
    horolog.restore_next("orders")
    assert coming == horolog.job("orders").next_fire


def test_an_instant_without_a_zone_is_refused_by_its_field(horolog: Horolog) -> None:
    horolog.add("orders", "embedding.call", every("5m"))
    naive = datetime(2200, 1, 1, 12)  # noqa: DTZ001  # wrong on purpose
    with pytest.raises(BadInput, match=r"^\$\.until: "):
        horolog.pause("orders", until=naive)
    with pytest.raises(BadInput, match=r"^\$\.fire_time: "):
        horolog.skip_next("orders", naive)


def test_limits_of_keys_are_handed_in_and_checked(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"^concurrency\.db: got 0 instead"):
        Horolog(tmp_path / "other.db", concurrency={"db": 0})
    assert {"db": 2} == Horolog(tmp_path / "other.db", concurrency={"db": 2}).settings.concurrency
