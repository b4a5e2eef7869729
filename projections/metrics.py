"""What a scrape gets: metric families filled from the views, and from figures of the process alone.

Nothing is counted here. Counts are the tally's, so they are counts over the log and outlive any
restart; what only the running process knows is handed in as `Figures`. When the views cannot be
read just now, those figures are told all the same, and `horolog_views_up` is 0.

The label for a job is `job_name`, since Prometheus calls its own targets `job`. A value that begins
with one underscore is ours: `_other`, `_ended`, `_calls` (see `tally`). A job whose own name begins
so bears one underscore more, and no two jobs can meet in one series.
"""

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from itertools import accumulate
from typing import Final, NamedTuple, Protocol, get_args

from prometheus_client import metrics_core as core
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from projections.backfills import BackfillStatus
from projections.metric_table import METRICS, Metric
from projections.read_tally import Tallied, Unfinished, read, seconds
from projections.tally_tables import (
    DELAY_BOUNDS_S,
    DURATION_BOUNDS_S,
    AttemptOutcome,
    Counts,
    RunOutcome,
)
from scheduler.executor.timings import APPEND_BOUNDS_S
from scheduler.model.errors import ViewsRenewed
from scheduler.model.jobs import SkipReason
from scheduler.rules.run_state import RunStatus

UNFINISHED: Final[tuple[RunStatus, ...]] = ("waiting", "running", "retrying", "abandoned", "held")
STATES: Final = ("active", "paused", "exhausted", "manual")
BACKFILL_STATES: Final[tuple[BackfillStatus, ...]] = ("running", "paused")
RUN_OUTCOMES: Final = get_args(RunOutcome)
ATTEMPT_OUTCOMES: Final = get_args(AttemptOutcome)
REASONS: Final = get_args(SkipReason)


class Figures(NamedTuple):
    """What only the running process knows."""

    versions: dict[str, str]  # of `version`, `python`, `sqlite`, `croniter`, `tzdata`
    started_at: datetime
    is_ready: bool
    heartbeat_age: timedelta
    clock_offset: timedelta
    fires_owed: int
    jobs_held_apart: int
    is_resting: bool
    is_faulty: bool
    slots: int
    slots_taken: int
    log_position: int
    log_size_bytes: int
    append_buckets: Sequence[int]  # bounded by APPEND_BOUNDS_S
    append_sum_s: float
    projection_lag_events: int
    are_views_kept_up: bool


class Live(Protocol):
    """The running process, as a scrape sees it."""

    def figures(self) -> Figures:
        """Return how the process stands now."""
        ...


class Families:
    """The families of one scrape, each of the table; only what stands there can be added to."""

    def __init__(self) -> None:
        self._by_name = {metric.name: family(metric) for metric in METRICS}

    def add(self, name: str, value: float | None, *labels: str) -> None:
        """Add a value of a counter or gauge; none for None."""
        if value is not None:
            found = self._by_name[name]
            if not isinstance(found, core.CounterMetricFamily | core.GaugeMetricFamily):
                raise TypeError(f"{name} holds no single values")
            found.add_metric(labels, value)

    def add_lengths(
        self,
        name: str,
        bounds_s: Sequence[float],
        buckets: Sequence[int],
        sum_s: float,
        *labels: str,
    ) -> None:
        """Add the buckets of a histogram, each counted for itself; the last has no bound."""
        found = self._by_name[name]
        if not isinstance(found, core.HistogramMetricFamily):
            raise TypeError(f"{name} is no histogram")
        bounds = [*map(floatToGoString, bounds_s), "+Inf"]
        found.add_metric(labels, list(zip(bounds, accumulate(buckets), strict=True)), sum_s)

    def tell(self, name: str, facts: dict[str, str]) -> None:
        """Add facts."""
        found = self._by_name[name]
        if not isinstance(found, core.InfoMetricFamily):
            raise TypeError(f"{name} holds values")
        found.add_metric((), facts)

    def __iter__(self) -> Iterator[core.Metric]:
        """Give the families in the order of the table."""
        return iter(self._by_name.values())


class Metrics(Collector):
    """All metrics of one server; safe to collect from any thread."""

    def __init__(
        self,
        reading: Callable[[], AbstractContextManager[sqlite3.Connection]],
        live: Live,
    ) -> None:
        """Read the views that `reading` opens, and the process, at each scrape."""
        self._reading = reading
        self._live = live

    def collect(self) -> Iterable[core.Metric]:
        """Return all families, filled as things stand now."""
        families = Families()
        tallied = self._tallied()
        figures = self._live.figures()
        add_figures(families, figures)
        families.add("horolog_views_up", tallied is not None and figures.are_views_kept_up)
        if tallied is not None:
            add_jobs(families, tallied)
            add_counts(families, tallied)
        return families

    def _tallied(self) -> Tallied | None:
        try:
            with self._reading() as connection:
                return read(connection)
        except (ViewsRenewed, sqlite3.Error):
            return None  # they are being made anew, or the disk is ill


def family(metric: Metric) -> core.Metric:
    """Return an empty family of a metric."""
    name, kind, text, labels, unit = metric
    match kind:
        case "counter":
            return core.CounterMetricFamily(name, text, labels=labels, unit=unit)
        case "gauge":
            return core.GaugeMetricFamily(name, text, labels=labels, unit=unit)
        case "histogram":
            return core.HistogramMetricFamily(name, text, labels=labels, unit=unit)
        case "info":
            return core.InfoMetricFamily(name.removesuffix("_info"), text)


def label_of(name: str) -> str:
    """Return the value of `job_name` for a job of that name."""
    return f"_{name}" if name.startswith("_") else name


def add_figures(families: Families, figures: Figures) -> None:
    """Add what the process knows."""
    add = families.add
    families.tell("horolog_build_info", figures.versions)
    add("horolog_start_timestamp_seconds", figures.started_at.timestamp())
    add("horolog_ready", figures.is_ready)
    add("horolog_loop_heartbeat_age_seconds", figures.heartbeat_age.total_seconds())
    add("horolog_clock_offset_seconds", figures.clock_offset.total_seconds())
    add("horolog_fires_owed", figures.fires_owed)
    add("horolog_jobs_held_apart", figures.jobs_held_apart)
    add("horolog_resting", figures.is_resting)
    add("horolog_faulty", figures.is_faulty)
    add("horolog_slots", figures.slots)
    add("horolog_slots_taken", figures.slots_taken)
    add("horolog_log_position", figures.log_position)
    add("horolog_log_size_bytes", figures.log_size_bytes)
    add("horolog_projection_lag_events", figures.projection_lag_events)
    families.add_lengths(
        "horolog_append_seconds", APPEND_BOUNDS_S, figures.append_buckets, figures.append_sum_s
    )


def add_jobs(families: Families, tallied: Tallied) -> None:
    """Add how jobs and their runs stand."""
    add = families.add
    add("horolog_paused", tallied.is_paused)
    for state in STATES:
        add("horolog_jobs", tallied.states.get(state, 0), state)
    for backfill_state in BACKFILL_STATES:
        add("horolog_backfills", tallied.backfills.get(backfill_state, 0), backfill_state)
    add("horolog_backfill_occurrences_left", tallied.backfill_occurrences_left)
    unlisted = sum(tallied.states.values()) - len(tallied.jobs)
    add("horolog_jobs_unlisted", unlisted)
    for job in tallied.jobs:
        label, tally = label_of(job.name), job.tally
        add("horolog_job_next_fire_timestamp_seconds", job.next_fire_s, label)
        add("horolog_job_deadline_timestamp_seconds", job.deadline_s, label)
        for what, at_us in (
            ("start", tally.last_start_us),
            ("success", tally.last_success_us),
            ("failure", tally.last_failure_us),
        ):
            add(f"horolog_job_last_{what}_timestamp_seconds", seconds(at_us), label)
        add("horolog_job_consecutive_failures", tally.failures, label)
        add_unfinished(families, label, job.unfinished)
    if unlisted:
        add("horolog_job_deadline_timestamp_seconds", tallied.others_deadline_s, "_other")
        add("horolog_job_consecutive_failures", tallied.others_failures, "_other")
    for series, unfinished in tallied.rest_unfinished.items():
        if unfinished or series in tallied.rest:
            add_unfinished(families, series, unfinished)


def add_unfinished(families: Families, label: str, unfinished: Unfinished) -> None:
    """Add runs that have not ended, those of no status as 0: a gauge that vanishes is not seen."""
    for status in UNFINISHED:
        families.add("horolog_job_unfinished_runs", unfinished.get(status, 0), label, status)


def add_counts(families: Families, tallied: Tallied) -> None:
    """Add all that was counted."""
    for job in tallied.jobs:
        add_tally(families, label_of(job.name), job.tally.counts, ("schedule",))
    for series, counts in tallied.rest.items():
        add_tally(families, series, counts, ())


def add_tally(families: Families, label: str, counts: Counts, causes: tuple[str, ...]) -> None:
    """Add what was counted together.

    What may yet happen to a cause seen before, or in `causes`, is told as 0, so that the first
    failure is an increase.
    """
    add = families.add
    seen = {key.partition("/")[0] for key in (*counts.runs, *counts.attempts)}
    for cause in sorted(seen.union(causes)):
        for run_outcome in RUN_OUTCOMES:
            ended = counts.runs.get(f"{cause}/{run_outcome}", 0)
            add("horolog_runs_total", ended, label, cause, run_outcome)
        for outcome in ATTEMPT_OUTCOMES:
            ended = counts.attempts.get(f"{cause}/{outcome}", 0)
            add("horolog_attempts_total", ended, label, cause, outcome)
    for reason in REASONS:
        add("horolog_fires_skipped_total", counts.skipped.get(reason, 0), label, reason)
    for name, bounds_s, lengths in (
        ("horolog_start_delay_seconds", DELAY_BOUNDS_S, counts.delays),
        ("horolog_attempt_duration_seconds", DURATION_BOUNDS_S, counts.durations),
    ):
        families.add_lengths(name, bounds_s, lengths.buckets, lengths.sum_us / 1e6, label)
