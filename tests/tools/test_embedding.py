"""`Horolog` in a program of the user's own, on a real file."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from threading import Event
from zoneinfo import ZoneInfo

import pytest

from horolog import Context, Horolog, cron, every, once, service
from scheduler.model.errors import BadInput, Conflict, NotFound
from services.registry import DEFAULT
from tests.services.making import PATIENCE_S

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


# -- runs and backfills


def fail() -> None:
    CALLED.set()
    raise ValueError("as asked")


def carried_out(horolog: Horolog) -> None:
    """Serve until the service was called."""
    CALLED.clear()
    with horolog:
        assert CALLED.wait(PATIENCE_S)


def test_a_run_is_tried_again_run_once_more_and_ended(horolog: Horolog) -> None:
    service("embedding.fails")(fail)
    horolog.add("broken", "embedding.fails", retry={"max_attempts": 1})
    run = horolog.trigger("broken")
    carried_out(horolog)
    assert ("failed", 1) == (horolog.run(run).status, horolog.run(run).attempts)
    horolog.retry(run[:13])
    carried_out(horolog)
    assert ("failed", 2) == (horolog.run(run).status, horolog.run(run).attempts)
    again = horolog.replay(run)
    horolog.cancel(again)
    assert (run, "cancelled") == (horolog.run(again).of, horolog.run(again).status)


def test_what_a_run_does_not_allow_is_refused(horolog: Horolog) -> None:
    horolog.add("orders", "embedding.call")
    run = horolog.trigger("orders")
    horolog.cancel(run)
    with pytest.raises(Conflict, match="nothing to cancel"):
        horolog.cancel(run)
    with pytest.raises(Conflict, match="not held"):
        horolog.resolve(run, "succeeded")
    with pytest.raises(NotFound):
        horolog.retry("no such run")


def test_a_past_window_is_run_once_and_its_end_calls_back(horolog: Horolog) -> None:
    service("embedding.quiet")(lambda: None)
    policies = {"overlap": "allow", "on_success": "service:embedding.call"}
    horolog.add("orders", "embedding.quiet", cron("0 * * * *"), **policies)
    until = horolog.job("orders").cursor.replace(microsecond=0)
    window = (until - timedelta(hours=3), until)
    backfill = horolog.backfill("orders", *window, concurrency=3)
    horolog.pause_backfill(backfill)
    assert ["paused"] == [row.status for row in horolog.backfills("orders")]
    horolog.resume_backfill(backfill)
    carried_out(horolog)
    (row,) = horolog.backfills("orders")
    assert (3, 3, "finished") == (row.count, row.succeeded, row.status)
    horolog.cancel_backfill(horolog.backfill("orders", *window))
    assert ["cancelled", "finished"] == [row.status for row in horolog.backfills()]
    assert 3 == len(horolog.runs("orders"))


def test_a_backfill_that_cannot_be_is_refused_by_its_field(horolog: Horolog) -> None:
    horolog.add("orders", "embedding.call", cron("0 * * * *"))
    now = horolog.job("orders").cursor.replace(microsecond=0)
    with pytest.raises(BadInput, match="until"):
        horolog.backfill("orders", now, now - timedelta(hours=1))
    with pytest.raises(BadInput, match="after"):
        horolog.backfill("orders", now.replace(tzinfo=None), now)
    with pytest.raises(BadInput, match="concurrency"):
        horolog.backfill("orders", now - timedelta(hours=9), now, concurrency=0)
    assert [] == horolog.backfills()
