"""What a simulation says of each fire time: the rules' own answer, and the executor's."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from horolog import Context
from scheduler.model.errors import BadInput, Conflict
from scheduler.model.jobs import Definition, JobId, Overlap, Retry
from scheduler.model.limits import SIMULATED_SKIPS_MAX
from scheduler.model.schedules import Cron, Interval, Schedule
from scheduler.rules.lifecycle import anchored
from services.registry import Registry
from tests.facts import at, span
from tests.strategies import definitions
from tools.simulation import INSTANT, Case, Outage, Planned, Simulated, simulated
from tools.testing import Rehearsal

BEGIN = at("10:00")
EVERY_5 = Cron(("*/5 * * * *",))
DAY = timedelta(days=1)


def case_of(
    *schedules: Schedule,
    until: str = "10:30",
    run_time: str = "0s",
    down: tuple[str, str] | None = None,
    **policies: object,
) -> Case:
    jobs = [
        Planned(
            JobId(f"job-{number}"),
            replace(Definition(name=f"job-{number}", service="s", schedule=schedule), **policies),
        )
        for number, schedule in enumerate(schedules)
    ]
    return Case(
        jobs=jobs,
        created_at=BEGIN - INSTANT,
        begin_at=BEGIN,
        until=at(until),
        run_time=span(run_time),
        outages=() if down is None else [Outage(at(down[0]), at(down[1]))],
    )


def told(found: Simulated) -> list[str]:
    """Return each disposition in short: fire time, what became of it, when it began."""
    return [
        " ".join(
            (
                f"{one.fire_time:%H:%M}",
                one.reason or one.disposition,
                f"{one.started_at or one.decided_at:%H:%M:%S}",
            )
        )
        for one in found.dispositions
    ]


def test_each_fire_time_from_the_first_up_to_the_last_and_not_beyond_is_told() -> None:
    found = simulated(case_of(EVERY_5, until="10:15"))
    assert ["10:00 run 10:00:00", "10:05 run 10:05:00", "10:10 run 10:10:00"] == told(found)
    assert 1 == found.peak


def test_a_fire_during_an_open_run_is_skipped() -> None:
    found = simulated(case_of(EVERY_5, until="10:20", run_time="6m"))
    assert [
        "10:00 run 10:00:00",
        "10:05 overlap 10:05:00",
        "10:10 run 10:10:00",
        "10:15 overlap 10:15:00",
    ] == told(found)


def test_a_run_that_ends_at_the_instant_of_a_fire_does_not_overlap_it() -> None:
    found = simulated(case_of(EVERY_5, until="10:10", run_time="5m"))
    assert ["10:00 run 10:00:00", "10:05 run 10:05:00"] == told(found)


def test_after_an_outage_what_is_late_is_caught_up() -> None:
    found = simulated(case_of(EVERY_5, until="10:25", down=("10:04", "10:16")))
    assert [
        "10:00 run 10:00:00",
        "10:05 coalesced 10:16:00",
        "10:10 coalesced 10:16:00",
        "10:15 run 10:16:00",
        "10:20 run 10:20:00",
    ] == told(found)


def test_an_attempt_that_an_outage_meets_is_lost_and_begins_again() -> None:
    case = case_of(EVERY_5, until="10:10", run_time="2m", down=("10:01", "10:02"), on_crash="retry")
    found = simulated(case)
    assert ["10:00 run 10:00:00", "10:05 run 10:05:00"] == told(found)
    held = simulated(replace(case, jobs=[with_policy(case, on_crash="hold")]))
    assert told(found) == told(held)


def with_policy(case: Case, **policies: object) -> Planned:
    (planned,) = case.jobs
    return planned._replace(definition=replace(planned.definition, **policies))


def test_failing_attempts_are_tried_again_and_keep_later_fires_waiting() -> None:
    retry = Retry(max_attempts=3, initial=timedelta(minutes=10))
    case = replace(case_of(EVERY_5, until="11:00", retry=retry), failing=2)
    reasons = Counter(one.reason or one.disposition for one in simulated(case).dispositions)
    assert reasons["overlap"] > 0
    assert 12 == sum(reasons.values())
    assert {"run": 12} == Counter(
        one.reason or one.disposition for one in simulated(replace(case, failing=0)).dispositions
    )


def test_an_attempt_longer_than_its_timeout_ends_then() -> None:
    case = case_of(EVERY_5, until="10:20", run_time="1h", timeout=timedelta(minutes=6))
    assert [
        "10:00 run 10:00:00",
        "10:05 overlap 10:05:00",
        "10:10 run 10:10:00",
        "10:15 overlap 10:15:00",
    ] == told(simulated(case))


def test_a_run_that_waits_for_its_turn_is_told_with_the_time_at_which_it_begins() -> None:
    case = case_of(EVERY_5, until="10:15", run_time="3m", down=("10:01", "10:13"), catch_up="all")
    assert [
        "10:00 run 10:00:00",
        "10:05 run 10:16:00",
        "10:10 run 10:19:00",
    ] == told(simulated(case))


def test_jobs_that_share_slots_wait_for_one_another() -> None:
    case = case_of(EVERY_5, EVERY_5, until="10:05", run_time="1m")
    found = simulated(replace(case, slots=1))
    assert ["10:00 run 10:00:00", "10:00 run 10:01:00"] == told(found)
    assert (1, 2) == (found.peak, simulated(case).peak)


def test_a_window_that_is_skipped_whole_lists_its_first_ten_thousand_fire_times() -> None:
    case = replace(
        case_of(Cron(("* * * * *",)), catch_up="none"),
        outages=[Outage(BEGIN, BEGIN + 20 * DAY)],
        until=BEGIN + 10 * DAY,
    )
    found = simulated(case)
    assert SIMULATED_SKIPS_MAX == len(found.dispositions)
    assert {"misfire"} == {one.reason for one in found.dispositions}
    assert 10 * 1_440 == found.unshown + SIMULATED_SKIPS_MAX


def test_a_simulation_that_decides_without_end_is_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tools.simulation.SIMULATED_DECISIONS_MAX", 5)
    with pytest.raises(Conflict, match="it is only 2026-03-01T10:"):
        simulated(case_of(EVERY_5))


@pytest.mark.parametrize("room", [1, 7, 50])
def test_what_is_repeated_in_small_parts_comes_to_the_same(
    room: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = replace(case_of(EVERY_5), until=BEGIN + DAY)
    whole = simulated(case)
    monkeypatch.setattr("tools.simulation.LEAP_FIRES_MAX", room)
    assert whole == simulated(case)


def test_a_job_that_is_paused_after_failures_is_named() -> None:
    case = replace(case_of(EVERY_5, pause_after_failures=2), failing=9)
    found = simulated(case)
    assert ["10:00 run 10:00:00", "10:05 run 10:05:00"] == told(found)
    assert ("job-0",) == found.paused


def test_a_job_that_ends_before_the_window_has_no_fire_time() -> None:
    case = case_of(Interval(timedelta(minutes=5), BEGIN), until="11:00", max_runs=2)
    assert ["10:00 run 10:00:00", "10:05 run 10:05:00"] == told(simulated(case))


# -- against the rules one by one, and the executor


def cases() -> st.SearchStrategy[Case]:
    """Draw a job, outages, and how its runs go."""

    def made(
        definition: Definition, outages: list[tuple[int, int]], run_time: int, failing: int
    ) -> Case:
        alone = replace(definition, on_success=None, on_failure=None)
        begin = datetime(2026, 3, 28, 20, tzinfo=UTC)
        down: list[Outage] = []
        since = begin
        for gap, length in outages:
            since += timedelta(seconds=gap)
            down.append(Outage(since, since + timedelta(seconds=length)))
            since += timedelta(seconds=length + 1)
        return Case(
            jobs=[Planned(JobId("job"), anchored(alone, None, begin - INSTANT)[0])],
            created_at=begin - INSTANT,
            begin_at=begin,
            until=begin + timedelta(hours=36),
            outages=down,
            run_time=timedelta(seconds=run_time),
            failing=failing,
        )

    pairs = st.tuples(st.integers(1, 40_000), st.sampled_from((1, 90, 4_000, 30_000)))
    return st.builds(
        made,
        definitions(),
        st.lists(pairs, max_size=2),
        st.sampled_from((0, 0, 1, 45, 299, 300, 301, 900, 5_000)),
        st.sampled_from((0, 0, 0, 1, 2)),
    )


@given(cases())
def test_what_is_repeated_is_what_the_rules_say_of_each(case: Case) -> None:
    try:
        each = simulated(case, leaps=False)
    except BadInput:  # its bounds leave it nothing to fire
        reject()
    assert each == simulated(case)


@settings(max_examples=40)
@given(
    st.sampled_from((EVERY_5, Cron(("7 * * * *", "0 2 * * *"), timezone="Europe/Warsaw"))),
    st.sampled_from(("skip", "queue", "allow", "cancel")),
    st.sampled_from(("none", "latest", "all")),
    st.booleans(),
)
def test_it_agrees_with_a_rehearsal_of_the_executor(
    schedule: Cron,
    overlap: Overlap,
    catch_up: str,
    fails: bool,  # noqa: FBT001  # Hypothesis hands it in by name
) -> None:
    if (overlap, catch_up) == ("cancel", "all"):
        return  # refused at definition
    registry = Registry()

    @registry.service("s")
    def work(context: Context) -> None:
        if fails and context.attempt == 1:
            raise ValueError

    rehearsal = Rehearsal(BEGIN - INSTANT, registry=registry)
    policies = {"overlap": overlap, "catch_up": catch_up, "retry": {"max_attempts": 2}}
    job = rehearsal.add("job-0", "s", schedule, **policies)
    rehearsal.run_until(BEGIN + timedelta(hours=6))
    (planned,) = case_of(schedule).jobs
    definition = replace(
        planned.definition, overlap=overlap, catch_up=catch_up, retry=Retry(max_attempts=2)
    )
    case = replace(
        case_of(schedule),
        jobs=[Planned(job, definition)],
        until=BEGIN + timedelta(hours=6),
        failing=int(fails),
    )
    ran = [one.fire_time for one in simulated(case).dispositions if one.disposition == "run"]
    assert ran == [run.fire_time for run in rehearsal.runs if run.fire_time in set(ran)]
    skipped = sum(one.disposition == "skip" for one in simulated(case).dispositions)
    assert skipped == sum(skip.count for skip in rehearsal.skips)
