"""Virtual days under seeded faults: whatever happens, the promises hold.

A day is judged event by event by the model (`model`), which knows nothing of the rules. A day that
fails names its seed and how to see it again. The drill lives on through new seeds for as long as
it is told to: `python -m tools.dev.simulation_drill --for 30m`.
"""

import ast
from collections import Counter
from pathlib import Path

import pytest

from scheduler.model import events as e
from tests.simulation.lives import lived

FEW = 6
MANY = 300
HERE = Path(__file__).parent
FIRES = ("model.py", "model_jobs.py")  # what must become of each fire time
RUNS = ("model_work.py", "model_runs.py")  # how runs follow on one another, and how each ends
MODEL = (*FIRES, *RUNS, "walking.py")
MODEL_LINES_MAX = 300


@pytest.mark.parametrize("seed", range(FEW))
def test_the_promises_hold_on_a_day_under_faults(seed: int) -> None:
    assert lived(str(seed)).world.log.head().position > 0


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(FEW, MANY))
def test_the_promises_hold_on_many_days_under_faults(seed: int) -> None:
    assert lived(str(seed)).world.log.head().position > 0


def test_a_seed_brings_the_same_day_again() -> None:
    assert lived("again", hours=6).world.log.rows == lived("again", hours=6).world.log.rows


def test_the_days_bring_every_kind_of_event_and_every_reason() -> None:
    seen: Counter[str] = Counter()
    for seed in range(12):
        world = lived(f"all {seed}").world
        for recorded in world.history:
            seen[str(recorded.event.__struct_config__.tag)] += 1
            if isinstance(recorded.event, e.FiresSkipped):
                seen[recorded.event.reason] += 1
            elif isinstance(recorded.event, e.RunPlanned):
                seen[recorded.event.cause] += 1
        seen["crash"] += world.crashes
    assert [] == [name for name in EXPECTED if not seen[name]]


EXPECTED = (
    "crash",
    "schedule",
    "catch-up",
    "trigger",
    "callback",
    "misfire",
    "coalesced",
    "window",
    "limit",
    "overlap",
    "paused",
    "queue-full",
    "excluded",
    "skip-next",
    "backfill",
    "rerun",
    "backfill-requested",
    "backfill-finished",
    "next-fire-skipped",
    "next-fire-restored",
    "run-planned",
    "attempt-started",
    "attempt-failed",
    "attempt-interrupted",
    "run-succeeded",
    "run-failed",
    "run-expired",
    "cancel-requested",
    "run-cancelled",
    "run-held",
    "run-resolved",
    "run-reopened",
    "late-outcome-ignored",
    "service-called",
    "job-defined",
    "job-revised",
    "job-renamed",
    "job-paused",
    "job-resumed",
    "job-removed",
    "job-exhausted",
    "system-started",
    "system-stopped",
    "system-paused",
    "system-resumed",
    "clock-jumped",
    "clock-accepted",
)


REFUSED = (
    "scheduler.rules",
    "scheduler.executor",
    "scheduler.model.firing",
    "scheduler.model.jitter",
    "scheduler.model.coming",
)


def test_the_model_knows_none_of_the_rules() -> None:
    for name in MODEL:
        tree = ast.parse((HERE / name).read_text(encoding="utf-8"))
        imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)} | {
            one.name
            for node in ast.walk(tree)
            if isinstance(node, ast.Import)
            for one in node.names
        }
        assert [] == [one for one in imported if one and one.startswith(REFUSED)]


@pytest.mark.parametrize("files", [FIRES, RUNS])
def test_each_half_of_the_model_can_be_read_in_one_sitting(files: tuple[str, ...]) -> None:
    assert sum(lines_of_code(HERE / name) for name in files) <= MODEL_LINES_MAX


def lines_of_code(path: Path) -> int:
    """Return how many lines say something to the interpreter; imports are not counted."""
    text = path.read_text(encoding="utf-8")
    left_out: set[int] = set()
    for node in ast.walk(ast.parse(text)):
        is_text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if is_text or isinstance(node, ast.Import | ast.ImportFrom):
            assert isinstance(node, ast.stmt)
            left_out.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    lines = enumerate(text.splitlines(), 1)
    said = [line.strip() for number, line in lines if number not in left_out]
    return sum(bool(line) and not line.startswith("#") for line in said)
