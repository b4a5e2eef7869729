"""Asking to skip a fire time to come, and taking that back."""

from datetime import date

from scheduler.model import commands as c
from scheduler.model.errors import BadInput, Conflict, NotFound
from scheduler.model.jobs import DateRange, Exclude, JobId
from scheduler.model.limits import SKIPS_NAMED_MAX
from scheduler.model.schedules import Manual, Once
from tests.facts import JOB, at, exhausted, planned, registered, restored, to_be_skipped
from tests.spec import given

EVERY_5 = registered("*/5 * * * *", at="10:00")
NEXT = c.SkipNextFire(job=JOB)
UNDO = c.RestoreNextFire(job=JOB)
TODAY = Exclude((DateRange(date(2026, 3, 1), date(2026, 3, 1)),), "UTC")


def named(fire: str) -> c.SkipNextFire:
    return c.SkipNextFire(job=JOB, fire_time=at(fire))


def test_without_a_name_it_is_the_next_fire_time() -> None:
    given(EVERY_5).when(NEXT, now="10:02").then(to_be_skipped("10:05"))


def test_it_is_the_next_one_to_come_also_when_one_is_due_and_not_decided() -> None:
    given(EVERY_5).when(NEXT, now="10:05").then(to_be_skipped("10:10"))


def test_asked_twice_it_is_the_same_fire_time() -> None:
    story = given(EVERY_5)
    story.when(NEXT, now="10:02")
    story.when(NEXT, now="10:03").then()


def test_excluded_days_are_left_behind_for_the_next_fire_time() -> None:
    given(registered("0 */6 * * *", at="10:00", exclude=TODAY)).when(NEXT, now="10:02").then(
        to_be_skipped("03-02 00:00")
    )


def test_one_further_ahead_is_named() -> None:
    given(EVERY_5, to_be_skipped("10:05")).when(named("10:20"), now="10:02").then(
        to_be_skipped("10:20")
    )


def test_what_is_no_fire_time_to_come_cannot_be_skipped() -> None:
    given(EVERY_5).when(named("10:07"), now="10:02").refused(BadInput, "is no fire time of job")
    given(EVERY_5).when(named("09:55"), now="10:02").refused(BadInput, "has gone by")
    bounded = registered("*/5 * * * *", at="10:00", start_at="10:10", end_at="10:30")
    given(bounded).when(named("10:05"), now="10:02").refused(BadInput, "is no fire time of job")
    given(bounded).when(named("10:35"), now="10:02").refused(BadInput, "is no fire time of job")
    given(bounded).when(NEXT, now="10:02").then(to_be_skipped("10:10"))
    excluded = registered("*/5 * * * *", at="10:00", exclude=TODAY)
    given(excluded).when(named("10:05"), now="10:02").refused(BadInput, "is excluded anyway")


def test_a_job_without_a_fire_time_to_come_has_none_to_skip() -> None:
    given(registered(Manual(), at="10:00")).when(NEXT, now="10:02").refused(Conflict, "no fire")
    once = registered(Once(at("10:05")), at="10:00")
    given(once, planned("10:05"), exhausted()).when(NEXT, now="10:06").refused(Conflict, "no fire")
    given(once).when(c.SkipNextFire(job=JobId("no-job")), now="10:06").refused(NotFound, "no-job")


def test_it_is_taken_back_before_it_comes_and_not_after() -> None:
    story = given(EVERY_5, to_be_skipped("10:05"), to_be_skipped("10:10"))
    story.when(c.RestoreNextFire(job=JOB, fire_time=at("10:05")), now="10:05").then()
    story.when(c.RestoreNextFire(job=JOB, fire_time=at("10:15")), now="10:05").then()
    story.when(UNDO, now="10:05").then(restored("10:10"))
    story.when(UNDO, now="10:05").then()


def test_no_more_than_so_many_are_named_at_once() -> None:
    hours, minutes = divmod(5 * SKIPS_NAMED_MAX, 60)
    fires = [f"{10 + n // 12:02}:{n % 12 * 5:02}" for n in range(1, SKIPS_NAMED_MAX + 1)]
    last = f"{10 + hours:02}:{minutes + 5:02}"
    given(EVERY_5, *map(to_be_skipped, fires)).when(named(last), now="10:02").refused(
        Conflict, "SKIPS_NAMED_MAX"
    )
