"""How a run ended, in words for someone who waited for it."""

from datetime import timedelta

import pytest

from scheduler.model.jobs import Definition
from scheduler.model.schedules import Manual
from tools.cli.endings import Ending, told_ending

VERDICTS = "succeeded|failed|retry"
RUN = "01939f6e-0000-7000-8000-00000000007c"


def job(timeout: timedelta = timedelta(hours=1)) -> Definition:
    return Definition(
        name="backup-db",
        service="a.ok",
        schedule=Manual(),
        timeout=timeout,
        isolation="process",
    )


def test_a_timeout_tells_the_limit_the_usual_length_and_the_remedy() -> None:
    usual = [timedelta(minutes=minutes) for minutes in (50, 52, 55)]
    assert (
        'Run 0193…7c timed out: "backup-db" was killed after 1 h (timeout, default). '
        "It usually takes 52 min. Longer: horolog job edit backup-db --timeout 3h"
    ) == told_ending(RUN, Ending(status="failed", kind="timeout"), job(), usual)


def test_a_timeout_of_the_jobs_own_is_no_default() -> None:
    assert (
        'Run 0193…7c timed out: "backup-db" was killed after 10 min (timeout). '
        "Longer: horolog job edit backup-db --timeout 30m"
    ) == told_ending(RUN, Ending(status="failed", kind="timeout"), job(timedelta(minutes=10)), [])


@pytest.mark.parametrize(
    ("ending", "words"),
    [
        (Ending(status="succeeded", duration=timedelta(seconds=2)), "succeeded after 2 s."),
        (Ending(status="failed", kind="error", error="ValueError: no"), "failed: ValueError: no"),
        (Ending(status="cancelled"), "was cancelled."),
        (
            Ending(status="expired"),
            "expired: no attempt had started by its start deadline.",
        ),
        (
            Ending(status="held", error="attempt 1 was lost"),
            f"is held (attempt 1 was lost). Settle it: horolog run resolve {RUN} --as {VERDICTS}",
        ),
    ],
)
def test_every_end_is_told(ending: Ending, words: str) -> None:
    assert f"Run {RUN} {words}" == told_ending(RUN, ending, job(), [])
