"""`horolog.testing`: what it shows is what would happen."""

from datetime import UTC, datetime, timedelta

import pytest

from horolog import Context, Fatal, RetryAfter, cron, every, once, testing
from scheduler.model import commands as c
from scheduler.model.errors import BadInput, NotFound
from services.registry import Registry

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def registry() -> Registry:
    return Registry()


def test_a_service_is_called_once_with_what_it_may_know(registry: Registry) -> None:
    @registry.service("told")
    def told(ctx: Context) -> object:
        return [ctx.fire_time, ctx.data, ctx.attempt]

    got = testing.run("told", fire_time=AT, input={"table": "orders"}, registry=registry)
    assert [AT, {"table": "orders"}, 1] == got


def test_what_a_service_raises_is_raised(registry: Registry) -> None:
    @registry.service("fails")
    async def fails(_: Context) -> None:
        raise LookupError("nothing there")

    with pytest.raises(LookupError, match="nothing there"):
        testing.run("fails", registry=registry)


def test_an_unknown_service_is_refused_with_the_known_ones(registry: Registry) -> None:
    with pytest.raises(NotFound):
        testing.run("nobody", registry=registry)


def test_a_finished_step_is_not_repeated_by_a_retry(registry: Registry) -> None:
    done: list[str] = []

    @registry.service("steps")
    def steps(ctx: Context) -> None:
        ctx.step("fetch", lambda: done.append("fetch"))
        ctx.step("mail", lambda: done.append("mail"))
        if ctx.attempt == 1:
            raise RetryAfter(timedelta(minutes=1))

    rehearsal = testing.Rehearsal(AT, registry=registry)
    rehearsal.add("job", "steps", once(AT + timedelta(seconds=3)), retry={"max_attempts": 2})
    rehearsal.run_until(AT + timedelta(minutes=5))
    assert ["fetch", "mail"] == done
    assert [("succeeded", 2)] == [(run.status, run.attempts) for run in rehearsal.runs]


def test_fires_come_at_their_times_and_no_other(registry: Registry) -> None:
    at: list[datetime | None] = []

    @registry.service("note")
    async def note(ctx: Context) -> None:
        at.append(ctx.fire_time)

    rehearsal = testing.Rehearsal(AT, registry=registry)
    rehearsal.add("job", "note", cron("*/15 * * * *"))
    rehearsal.run_until(AT + timedelta(hours=1))
    assert [AT + timedelta(minutes=15 * n) for n in (1, 2, 3, 4)] == at


def test_a_job_can_be_paused_and_what_was_missed_is_shown(registry: Registry) -> None:
    @registry.service("nothing")
    def nothing(_: Context) -> None:
        return None

    rehearsal = testing.Rehearsal(AT, registry=registry)
    job = rehearsal.add("job", "nothing", every("1m"))
    rehearsal.ask(c.PauseJob(job=job))
    rehearsal.run_until(AT + timedelta(minutes=10))
    rehearsal.ask(c.ResumeJob(job=job))
    assert [] == rehearsal.runs
    assert [("paused", 10)] == [(skip.reason, skip.count) for skip in rehearsal.skips]


def test_a_wrong_definition_is_refused_by_its_field(registry: Registry) -> None:
    rehearsal = testing.Rehearsal(AT, registry=registry)
    with pytest.raises(BadInput, match=r"\$\.schedule"):
        rehearsal.add("job", "nothing", cron("61 * * * *"))


def test_a_step_that_nobody_awaited_is_told(registry: Registry) -> None:
    @registry.service("hasty")
    async def hasty(ctx: Context) -> None:
        ctx.step("fetch", lambda: 1)

    with pytest.raises(Fatal, match='step "fetch" was not awaited'):
        testing.run("hasty", registry=registry)
