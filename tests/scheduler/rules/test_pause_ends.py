"""A pause with an end: it ends then, whoever was awake, and its fires are treated as it said."""

from scheduler.model import commands as c
from scheduler.model import events as e
from scheduler.model.errors import BadInput
from scheduler.model.jobs import JobId, Missed
from scheduler.model.limits import DUE_JOBS_PER_APPEND
from scheduler.model.schedules import Manual
from scheduler.model.streams import job_stream
from scheduler.rules.decide import decide
from scheduler.rules.facts import Fact
from tests.facts import (
    JOB,
    at,
    caught_up,
    defined,
    maybe_at,
    paused,
    planned,
    registered,
    resumed,
    revised,
    skipped,
    system_paused,
    system_resumed,
)
from tests.spec import DECIDE, given

EVERY_5 = registered("*/5 * * * *", at="10:00")


def pause(until: str | None, missed: Missed = "skip") -> c.PauseJob:
    return c.PauseJob(job=JOB, until=maybe_at(until), missed=missed)


def test_a_pause_is_given_an_end_and_what_becomes_of_its_fires() -> None:
    story = given(EVERY_5)
    story.when(pause("11:00", missed="latest"), now="10:02").then(
        paused(until="11:00", missed="latest")
    )
    assert at("11:00") == story.timetable.next_wake()


def test_it_ends_by_itself_and_its_fires_are_passed_over() -> None:
    given(EVERY_5, paused(until="10:12")).when(DECIDE, now="10:12").then(
        resumed("10:12"), skipped("10:10", count=2, reason="paused")
    )


def test_it_ends_at_its_time_also_when_nobody_was_awake() -> None:
    given(EVERY_5, paused(until="10:12", missed="skip")).when(DECIDE, now="10:31").then(
        resumed("10:12"),
        skipped("10:10", count=2, reason="paused"),
        skipped("10:25", count=3, reason="coalesced"),
        planned("10:30", window="10:10"),
    )


def test_its_end_may_run_the_newest_or_all_of_its_fires() -> None:
    given(EVERY_5, paused(until="10:12", missed="latest")).when(DECIDE, now="10:12").then(
        resumed("10:12", "latest"),
        skipped("10:05", reason="coalesced"),
        caught_up("10:10", window="10:00"),
    )
    given(EVERY_5, paused(until="10:12", missed="all")).when(DECIDE, now="10:12").then(
        resumed("10:12", "all"),
        caught_up("10:05", in_line=True),
        caught_up("10:10", in_line=True),
    )


def test_a_pause_that_stands_can_be_given_another_end_or_none() -> None:
    story = given(EVERY_5, paused(until="10:12"))
    story.when(pause("10:12"), now="10:02").then()
    story.when(pause("10:22"), now="10:02").then(paused(until="10:22"))
    story.when(DECIDE, now="10:12").then()
    story.when(pause(None), now="10:13").then(paused())
    story.when(DECIDE, now="10:22").then()


def test_one_that_was_resumed_before_does_not_end_again() -> None:
    story = given(EVERY_5, paused(until="10:10:30"), resumed("10:04"))
    story.when(DECIDE, now="10:11").then(
        skipped("10:05", reason="coalesced"), planned("10:10", window="10:00")
    )


def test_an_end_that_has_gone_by_is_refused() -> None:
    given(EVERY_5).when(pause("10:02"), now="10:02").refused(BadInput, r"\$\.until.*has gone by")


def test_what_becomes_of_the_fires_is_said_with_an_end() -> None:
    given(EVERY_5).when(pause(None, missed="all"), now="10:02").refused(BadInput, r"\$\.missed")


def test_everything_pauses_until_a_time_too() -> None:
    story = given(EVERY_5)
    story.when(c.PauseSystem(until=at("10:12"), missed="latest"), now="10:02").then(
        system_paused(until="10:12", missed="latest")
    )
    assert at("10:12") == story.timetable.next_wake()
    story.when(DECIDE, now="10:13").then(
        system_resumed("10:12", "latest"),
        skipped("10:05", reason="coalesced"),
        caught_up("10:10", window="10:00"),
    )


def test_a_job_runs_when_neither_pause_holds() -> None:
    story = given(EVERY_5, paused(until="10:07"), system_paused(until="10:12"))
    story.when(DECIDE, now="10:08").then(resumed("10:07"))
    story.when(DECIDE, now="10:12").then(
        system_resumed("10:12"),
        skipped("10:05", reason="paused"),
        skipped("10:10", reason="paused"),
    )


def test_an_edit_that_comes_before_anybody_noticed_the_end_decides_as_the_pause_said() -> None:
    story = given(EVERY_5, paused(until="10:12", missed="latest"))
    edit = c.ReviseJob(job=JOB, definition=defined("0 * * * *"))
    story.when(edit, now="10:16").then(
        skipped("10:05", reason="coalesced"),
        caught_up("10:10", window="10:00"),
        skipped("10:15", reason="overlap"),
        revised("0 * * * *", at="10:16"),
    )


def test_a_resume_that_comes_after_the_end_changes_nothing_about_it() -> None:
    given(EVERY_5, paused(until="10:12")).when(
        c.ResumeJob(job=JOB, missed="all"), now="10:13"
    ).then(resumed("10:12"), skipped("10:10", count=2, reason="paused"))
    given(EVERY_5, system_paused(until="10:12")).when(
        c.ResumeSystem(missed="all"), now="10:13"
    ).then(system_resumed("10:12"))


def test_a_pause_that_comes_after_the_end_takes_nothing_from_what_it_said() -> None:
    story = given(EVERY_5, paused(until="10:12", missed="all"))
    story.when(pause(None), now="10:15").then(
        resumed("10:12", "all"),
        caught_up("10:05", in_line=True),
        caught_up("10:10", in_line=True),
        planned("10:15"),
        paused(),
    )
    story.when(c.ResumeJob(job=JOB), now="10:21").then(
        resumed("10:21"), skipped("10:20", reason="paused")
    )


def test_a_pause_of_a_job_takes_nothing_from_a_pause_of_everything_that_had_ended() -> None:
    story = given(EVERY_5, system_paused(until="10:07", missed="all"))
    story.when(pause(None), now="10:08").then(
        system_resumed("10:07", "all"), caught_up("10:05", in_line=True), paused()
    )
    story.when(DECIDE, now="10:08").then()


def test_a_pause_of_everything_takes_nothing_from_one_that_had_ended() -> None:
    story = given(EVERY_5, system_paused(until="10:12", missed="latest"))
    story.when(c.PauseSystem(), now="10:18").then(
        system_resumed("10:12", "latest"), system_paused()
    )
    story.when(DECIDE, now="10:18").then()
    story.when(c.ResumeSystem(), now="10:21").then(system_resumed("10:21"))
    story.when(DECIDE, now="10:21").then(
        skipped("10:05", reason="coalesced"),
        caught_up("10:10", window="10:00"),
        skipped("10:20", count=2, reason="paused"),
    )


def test_pauses_that_end_at_one_instant_end_in_bounded_decisions() -> None:
    jobs = [JobId(f"job-{number}") for number in range(2 * DUE_JOBS_PER_APPEND + 1)]
    story = given(
        *(registered(Manual(), name=job, job=job, at="10:00") for job in jobs),
        *(Fact(job_stream(job), e.JobPaused(job=job, until=at("11:00"))) for job in jobs),
    )
    ended: list[int] = []
    while facts := decide(story.timetable, DECIDE, at("11:00")):
        ended.append(len(facts))
        for fact in facts:
            story.timetable.apply(*fact)
    assert [DUE_JOBS_PER_APPEND, DUE_JOBS_PER_APPEND, 1] == ended


def test_a_job_that_was_paused_again_until_the_same_time_is_resumed_once() -> None:
    story = given(EVERY_5, paused(until="11:00"), resumed("10:02"), paused(until="11:00"))
    story.when(DECIDE, now="11:00")
    assert 1 == story.facts.count(resumed("11:00"))
