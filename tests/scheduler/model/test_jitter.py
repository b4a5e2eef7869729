"""A due time follows from the occurrence: at or after its fire time, before the next."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from scheduler.model.firing import next_fire
from scheduler.model.jitter import due_time
from scheduler.model.jobs import Definition, JobId
from scheduler.model.schedules import Cron, Interval, Once, Schedule

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
JOB = JobId("job-1")


def job(schedule: Schedule, jitter: timedelta) -> Definition:
    return Definition(name="job", service="s", schedule=schedule, jitter=jitter)


def test_without_jitter_a_fire_is_due_at_its_time() -> None:
    assert NOON == due_time(JOB, job(Cron(("0 12 * * *",)), timedelta()), NOON)


def test_the_same_occurrence_is_due_at_the_same_instant_whoever_asks() -> None:
    definition = job(Cron(("0 * * * *",)), timedelta(minutes=10))
    assert due_time(JOB, definition, NOON) == due_time(JobId("job-1"), definition, NOON)
    others = {due_time(JobId(f"job-{n}"), definition, NOON) for n in range(100)}
    assert 100 == len(others)
    assert NOON + timedelta(minutes=5) < max(others) < NOON + timedelta(minutes=10)
    assert NOON <= min(others) < NOON + timedelta(minutes=5)


def test_one_time_jobs_are_spread_too() -> None:
    definition = job(Once(NOON), timedelta(hours=1))
    assert NOON < due_time(JOB, definition, NOON) < NOON + timedelta(hours=1)


@given(
    st.sampled_from(
        (
            Cron(("* * * * *",)),
            Cron(("0,1 12 * * *",)),
            Cron(("30 2 * * *",), "Europe/Warsaw"),
            Interval(timedelta(seconds=1), NOON),
        )
    ),
    st.timedeltas(timedelta(), timedelta(days=400)),
    st.integers(1, 1_000),
)
def test_a_fire_is_due_before_the_next(schedule: Schedule, jitter: timedelta, number: int) -> None:
    fire_time = NOON
    for _ in range(number % 7 + 1):
        fire_time = next_fire(schedule, fire_time) or fire_time
    following = next_fire(schedule, fire_time)
    assert following is not None
    due = due_time(JobId(f"job-{number}"), job(schedule, jitter), fire_time)
    assert fire_time <= due < following
    assert due <= fire_time + jitter
