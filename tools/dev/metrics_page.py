"""Fills the tables of docs/metrics.md from the code: `python -m tools.dev.metrics_page`.

The words of the page are written by hand. What stands between `<!-- NAME -->` and `<!-- end -->` is
the code's: the metrics, the values of their labels, the bounds of their buckets. A test holds the
file against this.
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, get_args

from projections.metric_table import METRICS
from projections.metrics import BACKFILL_STATES, STATES, UNFINISHED
from projections.tally_tables import (
    DELAY_BOUNDS_S,
    DURATION_BOUNDS_S,
    AttemptOutcome,
    RunOutcome,
)
from scheduler.executor.timings import APPEND_BOUNDS_S
from scheduler.model.jobs import Cause, SkipReason

PAGE: Final = Path(__file__).resolve().parents[2] / "docs" / "metrics.md"
PART: Final = re.compile(r"(<!-- ([a-z]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def metrics() -> Iterator[tuple[str, ...]]:
    """Yield the rows of the table of metrics."""
    yield "metric", "kind", "labels", "unit", "meaning"
    for name, kind, text, labels, unit in METRICS:
        yield f"`{name}`", kind, listed(labels), unit, text


def labels() -> Iterator[tuple[str, ...]]:
    """Yield the rows of the table of labels whose values are a closed set."""
    yield "label", "values"
    yield "`state` of jobs", listed(STATES)
    yield "`state` of backfills", listed(BACKFILL_STATES)
    yield "`status`", listed(UNFINISHED)
    yield "`cause`", listed(get_args(Cause))
    yield "`outcome` of runs", listed(get_args(RunOutcome))
    yield "`outcome` of attempts", listed(get_args(AttemptOutcome))
    yield "`reason`", listed(get_args(SkipReason))


def buckets() -> Iterator[tuple[str, ...]]:
    """Yield the rows of the table of histograms."""
    yield "metric", "bounds"
    for name, bounds_s in (
        ("horolog_start_delay_seconds", DELAY_BOUNDS_S),
        ("horolog_attempt_duration_seconds", DURATION_BOUNDS_S),
        ("horolog_append_seconds", APPEND_BOUNDS_S),
    ):
        yield f"`{name}`", ", ".join(f"{bound:g}" for bound in bounds_s)


TABLES: Final = {"metrics": metrics, "labels": labels, "buckets": buckets}


def filled(text: str) -> str:
    """Return a page with its tables as the code has them."""
    return PART.sub(
        lambda part: f"{part[1]}{''.join(written(list(TABLES[part[2]]())))}{part[3]}", text
    )


def written(rows: list[tuple[str, ...]]) -> Iterator[str]:
    """Yield the lines of a table; the first row is its head."""
    for number, row in enumerate(rows):
        yield f"| {' | '.join(row)} |\n"
        if number == 0:
            yield f"| {' | '.join('---' for _ in row)} |\n"


def listed(names: Iterable[str]) -> str:
    """Return names as a list."""
    return " ".join(f"`{name}`" for name in names)


if __name__ == "__main__":
    PAGE.write_text(filled(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
