"""A job whose time zone is not known here: it is held apart, and can be asked for all but fires."""

from datetime import date
from pathlib import Path
from unittest.mock import ANY
from zoneinfo import ZoneInfo

import pytest

from scheduler.model import commands as c
from scheduler.model import events as e
from scheduler.model import zones
from scheduler.model.backfill_events import Stretch
from scheduler.model.errors import BadInput, Conflict
from scheduler.model.jobs import DateRange, Exclude, JobId, Retry
from scheduler.model.limits import ZONE_LOOK
from scheduler.model.schedules import Manual, Schedule
from scheduler.rules.facts import Fact
from tests.backfill_facts import BACKFILL, backfill, backfill_cancelled, filled, requested
from tests.facts import (
    JOB,
    at,
    attempt_failed,
    attempt_started,
    called,
    caught_up,
    defined,
    outcome,
    paused,
    planned,
    registered,
    removed,
    renamed,
    resumed,
    revised,
    run,
    skipped,
    to_be_skipped,
)
from tests.spec import DECIDE, START, Story, given
from tests.zone_files import ATLANTIS, IN_ATLANTIS, IN_LEMURIA, LEMURIA, installed

EVERY_5 = "*/5 * * * *"
OTHER = JobId("job-2")
APART = registered(IN_ATLANTIS, at="10:00")
BESIDE = registered(EVERY_5, at="10:00", job=OTHER, name="other")
NO_ZONE = 'job does not fire: this machine has no time zone "Europe/Atlantis"'
TODAY = (DateRange(date(2026, 3, 1), date(2026, 3, 1)),)


def apart(story: Story) -> dict[JobId, str]:
    return story.timetable.agenda.held_apart()


def test_it_does_not_fire_and_all_others_do() -> None:
    story = given(APART, BESIDE)
    story.when(DECIDE, now="10:05").then(planned("10:05", job=OTHER))
    assert {JOB: ATLANTIS} == apart(story)
    assert at("10:10") == story.timetable.next_wake()
    assert 1 == story.timetable.count_due(at("10:10"))


@pytest.mark.parametrize("schedule", [EVERY_5, IN_ATLANTIS])
def test_days_that_are_excluded_in_an_unknown_zone_hold_it_apart_too(
    schedule: str | Schedule,
) -> None:
    story = given(registered(schedule, at="10:00", exclude=Exclude(TODAY, ATLANTIS)))
    story.when(DECIDE, now="10:05").then()
    assert {JOB: ATLANTIS} == apart(story)


def test_a_job_that_fires_by_hand_alone_hangs_on_no_zone() -> None:
    story = given(registered(Manual(), at="10:00", exclude=Exclude(TODAY, ATLANTIS)))
    story.when(DECIDE, now="10:05").then()
    assert {} == apart(story)


def test_a_job_that_fires_by_hand_alone_is_paused_and_resumed_whatever_it_excludes() -> None:
    story = given(registered(Manual(), at="10:00", exclude=Exclude(TODAY, ATLANTIS)))
    story.when(c.PauseJob(job=JOB), now="10:05").then(paused())
    story.when(c.ResumeJob(job=JOB), now="10:06").then(resumed("10:06"))


def test_with_the_zone_back_it_is_decided_as_after_a_downtime(tmp_path: Path) -> None:
    story = given(registered(IN_LEMURIA, at="10:00"))
    for now in ("10:04", "10:05"):
        story.when(DECIDE, now=now).then()
    with installed(LEMURIA, tmp_path):
        story.when(DECIDE, now="10:05:59").then()  # it is looked for now and then
        assert at("10:06") == at("10:05") + ZONE_LOOK
        story.when(DECIDE, now="10:12").then(
            skipped("10:05", reason="coalesced"), caught_up("10:10")
        )
        assert {} == apart(story)


def test_a_clock_that_is_set_back_does_not_put_the_look_for_its_zone_off(tmp_path: Path) -> None:
    story = given(registered(IN_LEMURIA, at="10:00"))
    for now in ("03-02 10:05", "03-02 10:06"):
        story.when(DECIDE, now=now).then()
    with installed(LEMURIA, tmp_path):
        story.when(DECIDE, now="10:05").then(planned("10:05"))


def test_it_can_be_edited_to_a_known_zone() -> None:
    edit = c.ReviseJob(job=JOB, definition=defined(EVERY_5))
    story = given(APART).when(DECIDE, now="10:12").when(edit, now="10:12")
    story.then(revised(EVERY_5, at="10:12"))
    story.when(DECIDE, now="10:15").then(planned("10:15", revision=2))
    assert {} == apart(story)


def test_an_edit_that_leaves_the_zone_is_refused() -> None:
    edit = c.ReviseJob(job=JOB, definition=defined(IN_ATLANTIS, description="new"))
    given(APART).when(edit, now="10:12").refused(BadInput, r"timezone: there is no time zone")


def test_it_can_be_renamed() -> None:
    story = given(APART).when(c.RenameJob(job=JOB, name="new"), now="10:12").then(renamed("new"))
    wrong = c.RenameJob(job=JOB, name="")
    story.when(wrong, now="10:13").refused(BadInput, r"\$\.name: is empty")


def test_it_can_be_paused_and_resumed_and_what_was_missed_is_decided_later(tmp_path: Path) -> None:
    story = given(registered(IN_LEMURIA, at="10:00"))
    story.when(c.PauseJob(job=JOB), now="10:12").then(paused())
    story.when(DECIDE, now="10:13").then()
    story.when(c.ResumeJob(job=JOB, missed="latest"), now="10:13").then(resumed("10:13", "latest"))
    story.when(DECIDE, now="10:14").then()
    with installed(LEMURIA, tmp_path):
        story.when(DECIDE, now="10:17").then(
            skipped("10:05", reason="coalesced"), caught_up("10:10"), ANY
        )


def test_a_pause_of_it_ends_by_itself() -> None:
    given(APART, paused(until="10:10")).when(DECIDE, now="10:12").then(resumed("10:10"))


def test_it_can_be_removed() -> None:
    story = given(APART).when(c.RemoveJob(job=JOB), now="10:12").then(removed())
    story.when(DECIDE, now="10:15").then()
    assert {} == apart(story)


def test_it_can_be_run_by_hand() -> None:
    wish = c.TriggerJob(job=JOB, run=run("call-1"))
    given(APART).when(wish, now="10:12").then(called("call-1", at="10:12"))


def test_a_retry_until_its_next_fire_is_bounded_by_its_attempts_alone() -> None:
    retry = Retry(max_attempts=2, until_next_fire=True)
    story = given(
        registered(IN_ATLANTIS, at="10:00", retry=retry),
        called("call-1", at="10:12"),
        attempt_started("call-1"),
    )
    story.when(outcome("call-1", "error", retry_after=3 * ZONE_LOOK), now="10:13").then(
        attempt_failed("call-1", retry="10:16")
    )


def test_no_fire_time_of_it_can_be_skipped_and_a_skip_can_be_undone() -> None:
    given(APART).when(c.SkipNextFire(job=JOB), now="10:02").refused(Conflict, NO_ZONE)
    named = c.SkipNextFire(job=JOB, fire_time=at("10:05"))
    given(APART).when(named, now="10:02").refused(Conflict, NO_ZONE)
    story = given(APART, to_be_skipped("10:05")).when(c.RestoreNextFire(job=JOB), now="10:02")
    assert [e.NextFireRestored(job=JOB, fire_time=at("10:05"))] == [f.event for f in story.facts]


def test_no_backfill_of_it_can_be_had() -> None:
    given(APART).when(backfill("08:00", "09:00"), now="10:02").refused(Conflict, NO_ZONE)


def test_a_window_in_which_it_had_an_unknown_zone_needs_the_schedule_of_today() -> None:
    story = given(APART, revised(EVERY_5, at="10:12"))
    story.when(backfill("09:00", "10:10"), now="10:13").refused(Conflict, "--schedule current")
    story.when(backfill("09:00", "10:10", schedule="current"), now="10:13").then(ANY)


def under_way(per_minute: int | None = None) -> Fact:
    stretch = Stretch(at("08:00"), at("09:00"), IN_ATLANTIS)
    return requested("08:00", "09:00", stretches=(stretch,), count=12, per_minute=per_minute)


@pytest.mark.parametrize("schedule", [EVERY_5, IN_ATLANTIS])
def test_a_backfill_under_way_rests_and_can_be_cancelled(schedule: str | Schedule) -> None:
    story = given(registered(schedule, at="10:00"), under_way()).when(START, now="10:02").then()
    story.when(c.CancelBackfill(backfill=BACKFILL), now="10:03").then(backfill_cancelled())


def test_a_backfill_that_rests_wakes_nobody() -> None:
    story = given(APART, under_way(per_minute=1)).when(DECIDE, now="10:02").then()
    assert story.timetable.next_wake() is None


def test_a_zone_that_is_missing_is_looked_for_once_a_minute(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    looks: list[str] = []
    load = zones._loaded  # noqa: SLF001  # what looks on the disk

    def loaded(name: str) -> ZoneInfo | None:
        looks.append(name)
        return load(name)

    monkeypatch.setattr(zones, "_loaded", loaded)
    stretch = Stretch(at("08:00"), at("09:00"), IN_LEMURIA)
    asked = requested("08:00", "09:00", stretches=(stretch,), count=12, per_minute=1)
    story = given(registered(IN_LEMURIA, at="10:00"), asked)
    for second in range(60):
        story.when(DECIDE, now=f"10:02:{second:02}").then()
        assert story.timetable.next_wake() is None
    assert [LEMURIA] == looks
    story.when(DECIDE, now="10:03").then()
    assert [LEMURIA] * 2 == looks
    with installed(LEMURIA, tmp_path):
        story.when(DECIDE, now="10:03:59").then()
        story.when(DECIDE, now="10:04")
        assert filled("08:05", now="10:04", window="08:00") in story.facts
