"""The page about metrics says what the code does."""

import re

from projections.metric_table import METRICS
from scheduler.model.limits import HEARTBEAT_MAX, SERIES_JOBS_MAX
from tools.addresses import LISTEN_DEFAULT
from tools.dev.metrics_page import PAGE, TABLES, filled

TEXT = PAGE.read_text(encoding="utf-8")


def test_the_tables_of_the_page_are_as_the_code_has_them() -> None:
    assert filled(TEXT) == TEXT, "run python -m tools.dev.metrics_page"


def test_every_table_stands_on_the_page_once() -> None:
    assert list(TABLES) == re.findall(r"<!-- ([a-z]+) -->", TEXT.replace("<!-- end -->", ""))


def test_a_table_that_is_out_of_date_is_made_anew() -> None:
    old = TEXT.replace(f"`{METRICS[0].name}`", "`horolog_old`")
    assert old != TEXT
    assert filled(old) == TEXT


def test_the_figures_in_the_words_are_those_of_the_code() -> None:
    for said in (f" {HEARTBEAT_MAX.total_seconds():g} s ", f"{SERIES_JOBS_MAX:,} jobs"):
        assert said in TEXT
    assert f" {LISTEN_DEFAULT}," in TEXT
