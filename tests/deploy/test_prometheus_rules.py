"""The alert rules speak of metrics that there are, and fire when they should."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from projections.metric_table import METRICS
from projections.metrics import STATES, UNFINISHED
from projections.tally_tables import DELAY_BOUNDS_S

ROOT = Path(__file__).resolve().parents[2]
RULES = ROOT / "deploy" / "prometheus-rules.yml"
SCRAPE = ROOT / "deploy" / "prometheus.yml"
CASES = Path(__file__).with_name("prometheus-rules.test.yml")
TEXT = RULES.read_text(encoding="utf-8")
ALERTS = re.findall(r"- alert: (\w+)", TEXT)


def series() -> dict[str, set[str]]:
    """Return the labels of every series that a scrape can have, by its name."""
    found: dict[str, set[str]] = {}
    for metric in METRICS:
        labels = set(metric.labels)
        found[metric.name] = labels
        if metric.kind == "histogram":
            found |= {f"{metric.name}_count": labels, f"{metric.name}_sum": labels}
            found[f"{metric.name}_bucket"] = {*labels, "le"}
    return found


@pytest.mark.parametrize("file", [RULES, CASES], ids=lambda file: str(file.name))
def test_every_metric_that_is_named_is_there_with_its_labels(file: Path) -> None:
    known = series()
    used = re.findall(r"\b(horolog_\w+)(?:\{([^}]*)\})?", file.read_text(encoding="utf-8"))
    assert used
    for name, selectors in used:
        labels = set(re.findall(r"(\w+)!?=", selectors)) - {"instance"}
        assert labels <= known[name], name


def test_values_of_labels_that_are_named_are_values_there_are() -> None:
    assert set(re.findall(r'status="(\w+)"', TEXT)) <= set(UNFINISHED)
    assert set(re.findall(r'state="(\w+)"', TEXT)) <= set(STATES)
    assert {float(bound) for bound in re.findall(r'le="([\d.]+)"', TEXT)} <= set(DELAY_BOUNDS_S)


def test_the_alerts_are_those_that_were_promised_and_each_is_documented() -> None:
    promised = {"Overdue", "Failing", "Stuck", "Held", "LateStart", "LoopStalled", "NotReady"}
    assert {f"Horolog{name}" for name in promised} <= set(ALERTS)
    page = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
    assert ALERTS == re.findall(r"\| `(Horolog\w+)` \|", page)


def test_each_alert_is_tried() -> None:
    cases = CASES.read_text(encoding="utf-8")
    assert [] == [alert for alert in ALERTS if alert not in cases]


@pytest.mark.acceptance
@pytest.mark.parametrize(
    "arguments",
    [("check", "rules", RULES), ("check", "config", SCRAPE), ("test", "rules", CASES)],
    ids=["rules", "scrape", "cases"],
)
def test_promtool_finds_nothing_wrong(arguments: tuple[str, str, Path]) -> None:
    promtool = shutil.which("promtool")
    assert promtool, "promtool is not on PATH; on Debian: apt-get install prometheus"
    done = subprocess.run(
        [promtool, *map(str, arguments)], capture_output=True, text=True, check=False
    )
    assert 0 == done.returncode, done.stdout + done.stderr
