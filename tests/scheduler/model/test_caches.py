"""What is remembered to save reckoning is bounded: the one unused for longest makes room."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import combinations, islice, product
from types import ModuleType
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from msgspec.structs import replace

from scheduler.model import (
    clock_changes,
    cron,
    cron_fields,
    cron_fires,
    excluded,
    local_days,
    plain,
    validation,
    written,
    zones,
)
from scheduler.model.cron_fields import MINUTE, Field
from scheduler.model.jobs import DateRange, Definition, Exclude
from scheduler.model.limits import (
    CLOCK_YEARS_MAX,
    DAY_RULES_MAX,
    DAY_TIMES_MAX,
    DEFINITION_KEPT_BYTES_MAX,
    DEFINITIONS_JUDGED_MAX,
    EXPRESSIONS_PARSED_MAX,
    FIELDS_READ_MAX,
    LENGTHS_READ_MAX,
    READERS_KEPT_MAX,
    SCHEDULES_JUDGED_MAX,
    SCHEDULES_READ_MAX,
    ZONES_MAX,
)
from scheduler.model.schedules import Cron, Manual, Once

Key = tuple[Any, ...]
YEARS = range(2, 9_999)  # of the calendar, with a margin on both sides
UTC_ZONE = ZoneInfo("UTC")


def minutes_of_months() -> Iterator[str]:
    """Yield expressions, each of another minute of a month."""
    for minute, hour, day in product(range(60), range(24), range(1, 29)):
        yield f"{minute} {hour} {day} * *"


def expressions() -> Iterator[Key]:
    return ((expression, False) for expression in minutes_of_months())


def fields() -> Iterator[Key]:
    return ((",".join(map(str, three)), MINUTE) for three in combinations(range(60), 3))


def day_rules() -> Iterator[Key]:
    every_weekday = Field(tuple(range(7)), ())
    for days in combinations(range(1, 29), 4):
        yield Field(days, ()), every_weekday, False, 31, 0


def schedules() -> Iterator[Key]:
    return ((Cron((expression,), "UTC"),) for expression in minutes_of_months())


def times_of_days() -> Iterator[Key]:
    return (((cron.parse(expression),),) for expression in minutes_of_months())


def bits_of_days() -> Iterator[Key]:
    return (((hour,), (minute,), (0,)) for hour, minute in product(range(24), range(60)))


def days() -> Iterator[Key]:
    first = date(2026, 1, 1)
    for number in range(365 * 100):
        day = first + timedelta(days=number)
        yield (Exclude((DateRange(day, day),), "UTC"),)


def instants() -> Iterator[Key]:
    first = datetime(2026, 1, 1, tzinfo=UTC)
    return ((Once(first + timedelta(hours=number)), None, None) for number in range(100_000))


def names() -> Iterator[Key]:
    return ((f"Place/{number}",) for number in range(10_000))


def lengths() -> Iterator[Key]:
    return ((f"{number}s",) for number in range(100_000))


def moments() -> Iterator[Key]:
    return (("UTC", one.at) for one, _, _ in instants())


REMEMBERING: list[tuple[ModuleType, str, Callable[[], Iterator[Key]], int]] = [
    (cron, "_parsed", expressions, EXPRESSIONS_PARSED_MAX),
    (cron_fields, "read_field", fields, FIELDS_READ_MAX),
    (cron, "_days_of_kind", day_rules, DAY_RULES_MAX),
    (cron_fires, "cron_fires", schedules, SCHEDULES_READ_MAX),
    (cron_fires, "_times", times_of_days, DAY_TIMES_MAX),
    (clock_changes, "_day_bits", bits_of_days, DAY_TIMES_MAX),
    (excluded, "_stretches", days, SCHEDULES_READ_MAX),
    (local_days, "_month", lambda: product(YEARS, (1,)), CLOCK_YEARS_MAX),
    (local_days, "_stretches_of_year", lambda: product(("UTC",), YEARS), CLOCK_YEARS_MAX),
    (zones, "_of_year", lambda: product((UTC_ZONE,), YEARS), CLOCK_YEARS_MAX),
    (zones, "_known", names, ZONES_MAX),
    (validation, "schedule_problems", instants, SCHEDULES_JUDGED_MAX),
    (validation, "exclude_problems", days, SCHEDULES_JUDGED_MAX),
    (written, "_read_length", lengths, LENGTHS_READ_MAX),
    (plain, "_readers", moments, READERS_KEPT_MAX),
]


@pytest.fixture
def _quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let what is remembered cost nothing: how much is remembered is the question."""
    monkeypatch.setattr(cron, "_asked_for", lambda *_: {1})
    monkeypatch.setattr(zones, "_probed", lambda *_: iter(()))
    monkeypatch.setattr(zones, "_loaded", lambda _: UTC_ZONE)  # there are fewer zones than room
    yield
    for module, function, _, _ in REMEMBERING:  # each may have asked another
        getattr(module, function).cache_clear()


@pytest.mark.parametrize(("module", "function", "keys", "most"), REMEMBERING)
@pytest.mark.usefixtures("_quick")
def test_what_is_remembered_is_never_more_than_its_bound(
    module: ModuleType, function: str, keys: Callable[[], Iterator[Key]], most: int
) -> None:
    remembering = getattr(module, function)
    for key in islice(keys(), most + 1):
        remembering(*key)
    assert most == remembering.cache_info().currsize


def test_no_more_sound_definitions_are_remembered_than_the_bound() -> None:
    blank = Definition(name="blank", service="blank", schedule=Manual())
    for _ in range(DEFINITIONS_JUDGED_MAX + 1):
        validation.problems_of(replace(blank))
    assert len(vars(validation)["_sound"]) <= DEFINITIONS_JUDGED_MAX


def test_a_large_definition_is_not_remembered() -> None:
    text = "x" * DEFINITION_KEPT_BYTES_MAX
    large = Definition(name="large", service="blank", schedule=Manual(), description=text)
    assert [] == validation.problems_of(large)
    assert id(large) not in vars(validation)["_sound"]
