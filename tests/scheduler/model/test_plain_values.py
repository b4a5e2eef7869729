"""Each kind of value tells what it got and what it wants, by the path it stands at."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from scheduler.model.errors import BadInput, Problem
from scheduler.model.plain_values import (
    Reader,
    flag,
    instant_in,
    labels,
    length,
    number,
    read_table,
    text,
    texts,
    whole,
)

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
instant = instant_in("Europe/Warsaw", NOW)


@pytest.mark.parametrize(
    ("reader", "value", "expected"),
    [
        (text, "a", "a"),
        (texts, "a", ("a",)),
        (texts, ["a", "b"], ("a", "b")),
        (flag, True, True),
        (whole, 3, 3),
        (number, 3, 3.0),
        (number, 1.5, 1.5),
        (length, "1h30m", timedelta(minutes=90)),
        (length, "PT5M", timedelta(minutes=5)),
        (length, timedelta(seconds=1), timedelta(seconds=1)),
        (labels, {"team": "x", "gone": None}, {"team": "x"}),
        (instant, "2026-07-01T09:00", datetime(2026, 7, 1, 7, tzinfo=UTC)),
        (instant, "2026-07-01T09:00:00Z", datetime(2026, 7, 1, 9, tzinfo=UTC)),
        (instant, datetime(2026, 7, 1, 9), datetime(2026, 7, 1, 7, tzinfo=UTC)),  # noqa: DTZ001  # as TOML has it
    ],
)
def test_a_value_of_its_kind_is_read(reader: Reader, value: object, expected: object) -> None:
    assert expected == reader(value, "$.x")


@pytest.mark.parametrize(
    ("reader", "value", "message", "hint"),
    [
        (text, 5, "got 5 instead of a text.", "Put it in quotes"),
        (text, b"x", "got b'x' instead of a text.", "Put it in quotes"),
        (flag, "yes", 'got "yes" instead of true or false.', None),
        (flag, 1, "got 1 instead of true or false.", None),
        (whole, "3", 'got "3" instead of a whole number.', "Write it without quotes"),
        (whole, 3.0, "got 3.0 instead of a whole number.", None),
        (whole, True, "got True instead of a whole number.", None),
        (number, "2", 'got "2" instead of a number.', None),
        (number, float("nan"), "got nan instead of a finite number.", None),
        (number, float("inf"), "got inf instead of a finite number.", None),
        (length, 30, "30 has no unit.", 'For seconds write "30s"'),
        (length, ["5m"], "got ['5m'] instead of a text.", "Put it in quotes"),
        (labels, ["a"], "got ['a'] instead of a table of labels.", 'As in {"team": "sales"}'),
    ],
)
def test_a_value_of_another_kind_is_refused_with_what_was_wanted(
    reader: Reader, value: object, message: str, hint: str | None
) -> None:
    with pytest.raises(BadInput) as refused:
        reader(value, "$.x")
    assert (Problem("$.x", message, hint),) == refused.value.problems


def test_a_whole_number_too_large_for_a_double_is_no_number() -> None:
    with pytest.raises(BadInput, match="instead of a finite number"):
        number(10**400, "$.x")


def test_an_instant_with_an_offset_goes_to_utc_and_a_fraction_up() -> None:
    at = datetime(2026, 7, 1, 9, 0, 0, 1, tzinfo=timezone(timedelta(hours=2)))
    assert datetime(2026, 7, 1, 7, 0, 1, tzinfo=UTC) == instant(at, "$.x")


def test_a_date_alone_is_read_or_refused_as_its_text_would_be() -> None:
    assert outcome(instant, "2026-07-01") == outcome(instant, date(2026, 7, 1))


def outcome(reader: Callable[[object, str], object], value: object) -> object:
    try:
        return reader(value, "$.x")
    except BadInput as bad:
        return bad.problems


def test_a_table_names_every_problem_and_keeps_the_rest() -> None:
    problems: list[Problem] = []
    readers: dict[str, Reader] = {"timeout": length, "name": text, "private": flag}
    typed = {"timout": "5m", "name": "a", "private": 1, "my key": 2}
    assert {"name": "a"} == read_table(typed, "$", readers, problems)
    assert [
        Problem("$.timout", "is not a field.", "Did you mean timeout?"),
        Problem("$.private", "got 1 instead of true or false."),
        Problem('$."my key"', "is not a field.", "Known: timeout, name, private"),
    ] == problems


def test_a_null_field_is_as_if_it_were_not_named() -> None:
    problems: list[Problem] = []
    assert {} == read_table({"name": None}, "$", {"name": text}, problems)
    assert [] == problems


def test_what_is_no_table_is_refused() -> None:
    problems: list[Problem] = []
    assert {} == read_table(["name"], "$", {"name": text}, problems)
    assert [Problem("$", "got ['name'] instead of a table of fields.")] == problems
