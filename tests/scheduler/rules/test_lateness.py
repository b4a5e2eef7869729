"""How late a fire is, with jitter: lateness and grace count from the due time."""

from scheduler.model.jitter import due_time
from tests.facts import JOB, at, defined, planned, registered, skipped
from tests.spec import DECIDE, START, given

EVERY_5 = "*/5 * * * *"
JITTERED = registered(EVERY_5, at="10:00", jitter="4m", misfire_grace="60s", catch_up="none")
DUE = due_time(JOB, defined(EVERY_5, jitter="4m"), at("10:05"))
DUE_TEXT = f"{DUE:%H:%M:%S.%f}"


def test_a_fire_with_jitter_is_planned_at_its_time_and_starts_when_it_is_due() -> None:
    assert at("10:05") < DUE < at("10:09")
    story = given(JITTERED)
    story.when(START, now="10:05").then(planned("10:05", due=DUE_TEXT, window="10:00"))
    story.when(START, now=f"{DUE.replace(microsecond=0):%H:%M:%S}").then()
    assert DUE == story.timetable.next_wake()


def test_the_grace_of_a_fire_counts_from_its_due_time() -> None:
    last = DUE.replace(minute=DUE.minute + 1)
    given(JITTERED).when(DECIDE, now=f"{last:%H:%M:%S.%f}").then(planned("10:05", due=DUE_TEXT))
    later = last.replace(microsecond=last.microsecond + 1)
    given(JITTERED).when(DECIDE, now=f"{later:%H:%M:%S.%f}").then(
        skipped("10:05", reason="misfire")
    )


def test_only_the_newest_of_the_late_fires_may_be_due_within_the_grace() -> None:
    now = f"{DUE.replace(hour=10, minute=DUE.minute + 1):%H:%M:%S.%f}"
    given(registered(EVERY_5, at="09:40", jitter="4m", misfire_grace="60s", catch_up="none")).when(
        DECIDE, now=now
    ).then(skipped("10:00", count=4, reason="misfire"), planned("10:05", due=DUE_TEXT))


def test_a_start_deadline_counts_from_the_due_time_or_the_planning_whichever_is_later() -> None:
    timely = registered(EVERY_5, at="10:00", jitter="4m", start_deadline="2m")
    story = given(timely)
    story.when(DECIDE, now="10:05")
    (fact,) = story.facts
    assert DUE.replace(minute=DUE.minute + 2) == fact.event.start_by  # type: ignore[union-attr]  # it is a run
    story = given(timely)
    story.when(DECIDE, now="10:33:30")
    assert at("10:35:30") == story.facts[-1].event.start_by  # type: ignore[union-attr]  # it is a run
