"""Hypothesis strategies: schedules, definitions, and scripts of whole lives of some jobs.

A script is a list of steps; each lets time pass and then has something happen that fits the moment:
the clock is set, an attempt ends, a person asks for something, the process is killed. `tests.lives`
takes the steps on a real fold and log.
"""

from datetime import date, timedelta
from typing import Literal, NamedTuple, get_args

from hypothesis import strategies as st

from scheduler.log.contract import Meta
from scheduler.model.jobs import CatchUp, DateRange, Definition, Exclude, Overlap, Retry
from scheduler.model.schedules import Cron, Interval, Manual, Once, Schedule
from tests.facts import at

BEGIN_AT = at("03-28 20:00")  # the night before clocks go forward in Europe
SLOTS = 3
ME = Meta(actor="me")
STAGES_MAX = 1_000

EXPRESSIONS = ("*/5 * * * *", "0 * * * *", "*/20 1-3 * * *", "30 2 * * *", "15 9-17 * * 1-5")
CALLBACKS = (None, None, None, None, None, "service:after", "service:after", "job:a")
EXCLUDED = (
    Exclude((DateRange(date(2026, 3, 29), date(2026, 3, 29)),), "Europe/Warsaw"),
    Exclude((DateRange(date(2026, 3, 28), date(2026, 3, 28)),), "America/New_York"),
)
ZONES = ("UTC", "Europe/Warsaw", "America/New_York")


def instants() -> st.SearchStrategy[int]:
    """Draw whole seconds of a day and a half after the beginning."""
    return st.integers(0, 36 * 3_600)


def schedules() -> st.SearchStrategy[Schedule]:
    """Draw a schedule of any kind that fires now and then within days."""
    crons: st.SearchStrategy[Schedule] = st.builds(
        lambda expressions, zone: Cron(tuple(expressions), timezone=zone),
        st.lists(st.sampled_from(EXPRESSIONS), min_size=1, max_size=2, unique=True),
        st.sampled_from(ZONES),
    )
    intervals = st.builds(
        lambda seconds, anchor: Interval(
            timedelta(seconds=seconds),
            None if anchor is None else BEGIN_AT + timedelta(seconds=anchor),
        ),
        st.sampled_from((120, 600, 3_600, 7_201)),
        st.none() | instants(),
    )
    once = st.builds(lambda second: Once(BEGIN_AT + timedelta(seconds=second)), instants())
    return st.one_of(crons, crons, crons, intervals, intervals, once, st.just(Manual()))


def seldom(strategy: st.SearchStrategy[int]) -> st.SearchStrategy[int | None]:
    """Draw nothing, four times out of five."""
    nothing: st.SearchStrategy[int | None] = st.none()
    return st.sampled_from((nothing, nothing, nothing, nothing, strategy)).flatmap(lambda one: one)


@st.composite
def definitions(draw: st.DrawFn) -> Definition:
    """Draw a definition; its bounds may leave it nothing to fire."""
    retry = Retry(
        max_attempts=draw(st.integers(1, 3)),
        initial=timedelta(seconds=draw(st.sampled_from((0, 30)))),
        give_up_after=draw(st.sampled_from((None, None, timedelta(seconds=20)))),
    )
    start = draw(seldom(instants()))
    end = draw(seldom(instants()))
    window = draw(st.sampled_from((None, None, 1_800, 86_400)))
    deadline = draw(st.sampled_from((None, None, 60)))
    catch_up: CatchUp = draw(st.sampled_from(("none", "latest", "all")))
    overlaps: tuple[Overlap, ...] = ("skip", "queue", "allow", "cancel")
    overlap = draw(st.sampled_from(overlaps[:3] if catch_up == "all" else overlaps))
    return Definition(
        name=draw(st.sampled_from(("a", "b", "c"))),
        service="s",
        schedule=draw(schedules()),
        start_at=None if start is None else BEGIN_AT + timedelta(seconds=start),
        end_at=None if end is None else BEGIN_AT + timedelta(seconds=end),
        max_runs=draw(seldom(st.sampled_from((1, 5)))),
        misfire_grace=timedelta(seconds=draw(st.sampled_from((0, 60, 1_500)))),
        jitter=timedelta(seconds=draw(st.sampled_from((0, 0, 90)))),
        exclude=draw(st.sampled_from((None, None, *EXCLUDED))),
        catch_up=catch_up,
        catch_up_window=None if window is None else timedelta(seconds=window),
        catch_up_limit=draw(st.sampled_from((1, 7, 20))),
        overlap=overlap,
        queue_limit=draw(st.integers(1, 3)),
        pause_after_failures=draw(seldom(st.integers(1, 2))),
        concurrency_key=draw(st.sampled_from((None, None, "one", "two"))),
        retry=retry,
        start_deadline=None if deadline is None else timedelta(seconds=deadline),
        on_crash=draw(st.sampled_from(("retry", "fail", "hold"))),
        on_success=draw(st.sampled_from(CALLBACKS)),
        on_failure=draw(st.sampled_from(CALLBACKS)),
    )


Action = Literal[
    "tick",
    "end",
    "define",
    "revise",
    "rename",
    "pause",
    "resume",
    "remove",
    "trigger",
    "skip-next",
    "restore-next",
    "backfill",
    "pause-backfill",
    "resume-backfill",
    "cancel-backfill",
    "call",
    "step",
    "cancel",
    "retry",
    "replay",
    "resolve",
    "pause-all",
    "resume-all",
    "kill",
    "set-back",
    "accept-clock",
]
ACTIONS: tuple[Action, ...] = get_args(Action)
OFTEN: tuple[Action, ...] = (
    "tick",
    "end",
    "end",
    "trigger",
    "step",
    "retry",
    "replay",
    "backfill",
    "resume",
    "resume-all",
) * 3
CLOCK: frozenset[Action] = frozenset({"set-back", "accept-clock"})
DELAYS_S = (0, 1, 60, 61, 300, 300, 300, 600, 3_600, 3_600, 20_000, 90_000)


class Step(NamedTuple):
    """Time that passes, and what happens then; `pick` chooses what it happens to, and how."""

    delay_s: int
    action: Action
    pick: int


class Script(NamedTuple):
    """What a life is made of: the first two definitions are jobs from the beginning."""

    definitions: list[Definition]
    steps: list[Step]


def lives(*, without: frozenset[Action] = frozenset()) -> st.SearchStrategy[Script]:
    """Draw a life, some actions left out."""
    actions = tuple(action for action in ACTIONS + OFTEN if action not in without)
    steps = st.builds(
        Step, st.sampled_from(DELAYS_S), st.sampled_from(actions), st.integers(0, 1_000)
    )
    return st.builds(
        Script,
        st.lists(definitions(), min_size=2, max_size=5),
        st.lists(steps, min_size=20, max_size=60),
    )
