"""A scrape: what stands in the table and nothing else, equal to what the log says."""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta

import pytest
from hypothesis import given
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as read_open_metrics,
)
from prometheus_client.parser import text_string_to_metric_families as read_text

from projections import tally as tally_module
from projections.metric_table import METRICS
from projections.metrics import Families, Figures, Metrics, label_of
from projections.tally_tables import DELAY_BOUNDS_S, DURATION_BOUNDS_S, Counts
from scheduler.executor.derived import ViewsFile
from scheduler.executor.timings import APPEND_BOUNDS_S
from scheduler.log.contract import Log
from scheduler.model import events as e
from scheduler.model.errors import ViewsRenewed
from scheduler.model.jobs import JobId
from scheduler.model.schedules import Manual
from scheduler.rules.run_state import NO_JOB
from tests.projections.counting import counted, of_jobs
from tests.projections.histories import LIVES, NOON, History, live
from tests.projections.views import folded

FIGURES = Figures(
    versions={"version": "1.2", "python": "3", "sqlite": "3", "croniter": "7", "tzdata": "6"},
    started_at=NOON,
    is_ready=True,
    heartbeat_age=timedelta(seconds=0.25),
    clock_offset=timedelta(hours=1),
    fires_owed=14,
    jobs_held_apart=2,
    is_resting=False,
    is_faulty=True,
    slots=32,
    slots_taken=3,
    log_position=41,
    log_size_bytes=8_192,
    append_buckets=(0, 2, *[0] * (len(APPEND_BOUNDS_S) - 2), 1),
    append_sum_s=6.5,
    projection_lag_events=2,
    are_views_kept_up=True,
)
Sample = tuple[str, frozenset[tuple[str, str]]]


class Standing:
    """A process that stands as it is told."""

    def __init__(self, figures: Figures = FIGURES) -> None:
        self.now = figures

    def figures(self) -> Figures:
        return self.now


def registry(views: ViewsFile, figures: Figures = FIGURES) -> CollectorRegistry:
    found = CollectorRegistry()
    found.register(Metrics(views.reading, Standing(figures)))
    return found


def scraped(views: ViewsFile, figures: Figures = FIGURES) -> dict[Sample, float]:
    """Return all samples of a scrape, by name and labels; none stands there twice."""
    text = generate_latest(registry(views, figures)).decode()
    samples = [sample for family in read_text(text) for sample in family.samples]
    found = {(one.name, frozenset(one.labels.items())): one.value for one in samples}
    assert len(samples) == len(found)
    return found


def of(name: str, **labels: str) -> Sample:
    return name, frozenset(labels.items())


def labels_in(log: Log) -> dict[JobId, str]:
    """Return the label that each job's counts bear, as long as there is room for all."""
    found: dict[JobId, str] = {NO_JOB: "_calls"}
    for recorded in log.follow(0):
        match recorded.event:
            case e.JobDefined(job=job, definition=d) | e.JobRevised(job=job, definition=d):
                found[job] = d.name
            case e.JobRenamed(job=job, name=name):
                found[job] = name
            case e.JobRemoved(job=job):
                found[job] = "_ended"
            case _:
                pass
    return found


def expected(label: str, counts: Counts) -> Iterator[tuple[Sample, float]]:
    """Yield the samples that tell of these counts, those that are 0 left out."""
    for name, by_key in (("runs", counts.runs), ("attempts", counts.attempts)):
        for key, count in by_key.items():
            cause, outcome = key.split("/")
            yield (
                of(f"horolog_{name}_total", job_name=label, cause=cause, outcome=outcome),
                count,
            )
    for reason, count in counts.skipped.items():
        yield of("horolog_fires_skipped_total", job_name=label, reason=reason), count
    for name, lengths, bounds in (
        ("horolog_start_delay_seconds", counts.delays, DELAY_BOUNDS_S),
        ("horolog_attempt_duration_seconds", counts.durations, DURATION_BOUNDS_S),
    ):
        for number, bound in enumerate((*bounds, "+Inf")):
            below = sum(lengths.buckets[: number + 1])
            yield of(f"{name}_bucket", job_name=label, le=str(bound)), below
        yield of(f"{name}_count", job_name=label), sum(lengths.buckets)
        yield of(f"{name}_sum", job_name=label), lengths.sum_us / 1e6


COUNTED = re.compile(r".*_(total|bucket|count|sum)")


@given(steps=LIVES)
def test_every_counter_equals_a_count_over_the_log(steps: list[tuple[str, int, int]]) -> None:
    history = History()
    history.start()
    live(history, steps)
    views, _ = folded(history.log)
    over_log = counted(history.log)
    labels = labels_in(history.log)
    found = {
        sample: value
        for sample, value in scraped(views).items()
        if COUNTED.fullmatch(sample[0]) and value and not sample[0].startswith("horolog_append")
    }
    wanted: dict[Sample, float] = {}
    for label in set(labels.values()):
        jobs = {job for job, name in labels.items() if name == label}
        wanted |= {s: v for s, v in expected(label, of_jobs(over_log, jobs)) if v}
    assert wanted == pytest.approx(found)


def test_a_scrape_shows_every_metric_of_the_table_and_no_other() -> None:
    history = History()
    history.start()
    history.define("orders")
    families = {f.name: f for f in Metrics(folded(history.log)[0].reading, Standing()).collect()}
    shown = {exposed(family) for family in families.values()}
    assert {metric.name for metric in METRICS} == shown
    described = {metric.name: (metric.help, metric.kind, metric.unit) for metric in METRICS}
    for family in families.values():
        assert described[exposed(family)] == (family.documentation, family.type, family.unit)


def exposed(family: Family) -> str:
    """Return a family's name as the table has it."""
    return family.name + {"counter": "_total", "info": "_info"}.get(family.type, "")


def test_a_sample_bears_the_labels_of_the_table() -> None:
    history = History()
    history.start()
    history.define("orders")
    history.tick(60)
    history.report(history.running()[0], "error", error="no")
    history.tick(60)
    history.report(history.running()[0], "succeeded")
    labels = {metric.name: set(metric.labels) for metric in METRICS}
    for family in Metrics(folded(history.log)[0].reading, Standing()).collect():
        assert family.samples, family.name
        for sample in family.samples:
            assert labels[exposed(family)] == set(sample.labels) - {"le"}


def test_names_and_units_are_as_prometheus_wants_them() -> None:
    for metric in METRICS:
        assert re.fullmatch(r"horolog_[a-z]+(_[a-z]+)*", metric.name)
        assert ("counter" == metric.kind) is metric.name.endswith("_total")
        assert not metric.unit or metric.name.endswith(f"_{metric.unit}")
        assert metric.help.endswith(".")
        assert "job" not in metric.labels  # Prometheus's own
    assert len(METRICS) == len({metric.name for metric in METRICS})


def test_both_formats_can_be_read() -> None:
    history = History()
    history.start()
    history.define('quotes " and \\ and ‹words›')
    history.tick(60)
    views, _ = folded(history.log)
    plain = [f.name for f in read_text(generate_latest(registry(views)).decode())]
    encode, _ = choose_encoder("application/openmetrics-text; version=1.0.0")
    told = read_open_metrics(encode(registry(views)).decode())  # type: ignore[no-untyped-call]  # untyped there
    open_ = [family.name for family in told]
    assert len(METRICS) == len(plain) == len(open_)
    label = 'quotes " and \\ and ‹words›'
    assert 1.0 == scraped(views)[of("horolog_start_delay_seconds_count", job_name=label)]


def test_what_the_process_knows_is_told_as_it_is() -> None:
    found = scraped(folded(History().log)[0])
    told = {
        "horolog_start_timestamp_seconds": NOON.timestamp(),
        "horolog_ready": 1,
        "horolog_loop_heartbeat_age_seconds": 0.25,
        "horolog_clock_offset_seconds": 3_600,
        "horolog_fires_owed": 14,
        "horolog_jobs_held_apart": 2,
        "horolog_resting": 0,
        "horolog_faulty": 1,
        "horolog_slots": 32,
        "horolog_slots_taken": 3,
        "horolog_log_position": 41,
        "horolog_log_size_bytes": 8_192,
        "horolog_projection_lag_events": 2,
        "horolog_views_up": 1,
        "horolog_append_seconds_count": 3,
        "horolog_append_seconds_sum": 6.5,
    }
    assert told == {name: found[of(name)] for name in told}
    assert 1 == found[of("horolog_build_info", **FIGURES.versions)]
    assert 2 == found[of("horolog_append_seconds_bucket", le="5.0")]


def test_a_failure_that_has_not_happened_yet_is_0_so_that_the_first_is_an_increase() -> None:
    history = History()
    history.start()
    history.define("orders")
    found = scraped(folded(history.log)[0])
    labels = {"job_name": "orders", "cause": "schedule"}
    assert 0 == found[of("horolog_runs_total", **labels, outcome="failed")]
    assert 0 == found[of("horolog_attempts_total", **labels, outcome="crash")]
    assert 0 == found[of("horolog_fires_skipped_total", job_name="orders", reason="misfire")]
    assert 0 == found[of("horolog_job_unfinished_runs", job_name="orders", status="held")]
    assert of("horolog_job_last_failure_timestamp_seconds", job_name="orders") not in found


def test_no_name_of_a_job_can_meet_what_is_counted_together() -> None:
    names = ["_other", "__other", "_", "other", "_ended", "__ended"]
    labels = [label_of(name) for name in names]
    assert len(names) == len(set(labels))
    assert not {"_other", "_ended", "_calls"} & set(labels)
    history = History()
    for name in names:
        history.define(name, Manual())
    found = scraped(folded(history.log)[0])
    for label in labels:
        assert of("horolog_job_consecutive_failures", job_name=label) in found


def test_beyond_the_cap_the_rest_stays_visible(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tally_module, "SERIES_JOBS_MAX", 2)
    history = History()
    history.start()
    for number in range(5):
        history.define(f"job-{number}")
    history.tick(60)
    for run in history.running():
        history.report(run, "error", error="no")
    found = scraped(folded(history.log)[0])
    labels = {dict(key)["job_name"] for _, key in found if "job_name" in dict(key)}
    assert {"job-0", "job-1", "_other"} == labels
    outcome = {"job_name": "_other", "cause": "schedule", "outcome": "failed"}
    assert 3 == found[of("horolog_runs_total", **outcome)]
    assert 3 == found[of("horolog_jobs_unlisted")]
    assert 1 == found[of("horolog_job_consecutive_failures", job_name="_other")]
    assert of("horolog_job_deadline_timestamp_seconds", job_name="_other") in found


def test_views_that_cannot_be_read_leave_the_figures_of_the_process() -> None:
    def renewing() -> closing[sqlite3.Connection]:
        raise ViewsRenewed("damaged")

    families = list(Metrics(renewing, Standing()).collect())
    found = {sample.name: sample.value for family in families for sample in family.samples}
    assert (0, 1) == (found["horolog_views_up"], found["horolog_ready"])
    assert "horolog_jobs" not in found


def test_views_without_the_tables_are_not_up() -> None:
    assert 0 == scraped(ViewsFile.in_memory())[of("horolog_views_up")]


def test_views_that_are_not_kept_up_are_not_up() -> None:
    views, _ = folded(History().log)
    behind = FIGURES._replace(are_views_kept_up=False)
    assert 0 == scraped(views, behind)[of("horolog_views_up")]


def test_nothing_is_shown_that_is_not_in_the_table() -> None:
    with pytest.raises(KeyError):
        Families().add("horolog_surprises_total", 1)
    with pytest.raises(TypeError, match="no single values"):
        Families().add("horolog_append_seconds", 1)
    with pytest.raises(TypeError, match="no histogram"):
        Families().add_lengths("horolog_jobs", (), (), 0)
    with pytest.raises(TypeError, match="holds values"):
        Families().tell("horolog_jobs", {})
