"""The row of a job: its one word, its next fire, and the state it gives back."""

from datetime import datetime, timedelta

import pytest
from msgspec.structs import replace

from projections.job_tables import Shown, as_json, job_columns, state_of, status_of, upcoming_fire
from scheduler.model.jobs import DateRange, Definition, Exclude, JobId
from scheduler.model.schedules import Manual
from scheduler.rules.job_state import JobState, Resumption
from tests.projections.histories import EVERY_MINUTE, NOON
from tests.zone_files import ATLANTIS, IN_ATLANTIS

MINUTE = timedelta(minutes=1)
DEFINITION = Definition(name="orders", service="api.sync", schedule=EVERY_MINUTE)
JOB = JobState(
    job=JobId("j"), definition=DEFINITION, revision=1, defined_at=NOON, cursor=NOON, planned=2
)
MANUAL = replace(JOB, definition=replace(DEFINITION, schedule=Manual()))


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("active", JOB),
        ("manual", MANUAL),
        ("paused", replace(MANUAL, paused=True)),
        ("exhausted", replace(JOB, paused=True, exhausted=True)),
        ("removed", replace(JOB, paused=True, exhausted=True, removed=True)),
    ],
)
def test_the_more_final_word_counts(status: str, state: JobState) -> None:
    assert status == status_of(state)


def test_the_next_fire_comes_after_cursor_and_beginning_and_not_after_the_end() -> None:
    assert NOON + MINUTE == upcoming_fire(JOB)
    bounded = replace(DEFINITION, start_at=NOON + 5 * MINUTE, end_at=NOON + 6 * MINUTE)
    job = replace(JOB, definition=bounded)
    assert NOON + 5 * MINUTE == upcoming_fire(job)
    assert NOON + 6 * MINUTE == upcoming_fire(replace(job, cursor=NOON + 5 * MINUTE))
    assert upcoming_fire(replace(job, cursor=NOON + 6 * MINUTE)) is None


def test_a_job_whose_zone_is_not_known_here_shows_no_next_fire() -> None:
    apart = replace(DEFINITION, schedule=IN_ATLANTIS)
    assert upcoming_fire(replace(JOB, definition=apart)) is None


def test_a_job_that_fires_by_hand_alone_shows_none_whatever_zone_it_excludes_days_in() -> None:
    exclude = Exclude((DateRange(NOON.date(), NOON.date()),), ATLANTIS)
    paused = replace(
        MANUAL,
        definition=replace(MANUAL.definition, exclude=exclude),
        paused=True,
        pause_end=Resumption(NOON + MINUTE, "skip"),
    )
    assert upcoming_fire(paused) is None


@pytest.mark.parametrize("word", ["paused", "exhausted", "removed"])
def test_a_job_that_is_not_active_has_no_next_fire(word: str) -> None:
    assert upcoming_fire(replace(JOB, **{word: True})) is None


@pytest.mark.parametrize(
    ("pause_end", "fire"),
    [
        (NOON + 5 * MINUTE, NOON + 6 * MINUTE),
        (NOON + 5.5 * MINUTE, NOON + 6 * MINUTE),
        (NOON - MINUTE, NOON + MINUTE),
    ],
)
def test_a_job_whose_pause_ends_by_itself_fires_next_after_that(
    pause_end: datetime, fire: datetime
) -> None:
    paused = replace(JOB, paused=True, pause_end=Resumption(pause_end, "skip"))
    assert fire == upcoming_fire(paused)


def test_what_will_not_run_is_not_the_next_fire() -> None:
    skipping = (NOON + MINUTE, NOON + 2 * MINUTE)
    assert NOON + 3 * MINUTE == upcoming_fire(replace(JOB, skipping=skipping))
    last = replace(DEFINITION, end_at=NOON + 2 * MINUTE)
    assert upcoming_fire(replace(JOB, definition=last, skipping=skipping)) is None


def test_a_row_gives_back_the_whole_state() -> None:
    state = replace(
        JOB,
        on_grid=True,
        last_run_fire=NOON,
        coalesced_after=NOON - MINUTE,
        ahead_until=NOON + MINUTE,
        resumption=Resumption(NOON, "latest"),
        paused=True,
        pause_end=Resumption(NOON + MINUTE, "all"),
        skipping=(NOON + MINUTE,),
    )
    shown = Shown(1, "at", 1, "at", None, as_json(EVERY_MINUTE), as_json(DEFINITION))
    row = job_columns(state, shown)
    assert state == state_of(row.state, row.definition)
    assert "api.sync" not in row.state
