"""What was foreseen is noted with its versions, and compared with what is reckoned today."""

from datetime import UTC, datetime, timedelta

import pytest

from scheduler.executor.derived import ViewsFile
from scheduler.executor.forecast import Forecast, Moved, moved, note, noted
from scheduler.model.errors import BadInput
from scheduler.model.instants import instant, second_at
from scheduler.model.limits import FORESEEN_FIRES, FORESEEN_SCHEDULES_MAX
from scheduler.model.schedules import Cron, Interval, Manual, Once

NOW = datetime(2026, 3, 1, 10, 0, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAILY = Cron(("0 9 * * *",), timezone="Europe/Warsaw")
VERSIONS = {"horolog": "1.0", "tzdata": "2025.2"}


@pytest.fixture
def views() -> ViewsFile:
    return ViewsFile.in_memory()


def stored(views: ViewsFile) -> dict[Cron, Forecast]:
    with views.reading() as connection:
        return noted(connection)


def foreseen(views: ViewsFile, schedule: Cron = DAILY) -> Forecast:
    note(views, [schedule], NOW, VERSIONS)
    return stored(views)[schedule]


def shifted(forecast: Forecast, by: timedelta, *, first: int = 0) -> Forecast:
    """Return what rules would have foreseen that put the fires from the nth on elsewhere."""
    kept, rest = forecast.seconds[:first], forecast.seconds[first:]
    seconds = [*kept, *(second_at(instant(second) + by) for second in rest)]
    return Forecast(tuple(seconds), forecast.versions)


def test_the_next_hundred_fire_times_are_noted_with_the_versions_that_reckoned_them(
    views: ViewsFile,
) -> None:
    forecast = foreseen(views)
    assert (FORESEEN_FIRES, VERSIONS) == (len(forecast.seconds), forecast.versions)
    assert datetime(2026, 3, 2, 8, tzinfo=UTC) == instant(forecast.seconds[0])
    assert datetime(2026, 6, 9, 7, tzinfo=UTC) == instant(forecast.seconds[-1])


def test_only_what_a_calendar_has_a_part_in_is_noted_and_once_for_all_jobs(
    views: ViewsFile,
) -> None:
    note(views, [DAILY, Manual(), Once(NOW), Interval(HOUR, NOW), DAILY], NOW, VERSIONS)
    assert [DAILY] == list(stored(views))


def test_a_schedule_that_cannot_be_reckoned_here_keeps_no_other_from_being_noted(
    views: ViewsFile,
) -> None:
    note(views, [Cron(("0 9 * * *",), timezone="Mars/Base"), DAILY], NOW, VERSIONS)
    assert [DAILY] == list(stored(views))


def test_a_note_takes_the_place_of_the_one_before(views: ViewsFile) -> None:
    note(views, [DAILY], NOW, VERSIONS)
    hourly = Cron(("0 * * * *",))
    note(views, [hourly], NOW, VERSIONS)
    assert [hourly] == list(stored(views))


def test_of_too_many_schedules_the_first_are_noted(views: ViewsFile) -> None:
    many = [
        Cron((f"{n % 60} {n // 60 % 24} {1 + n // 1440} * *",))
        for n in range(FORESEEN_SCHEDULES_MAX + 1)
    ]
    note(views, many, NOW, VERSIONS)
    assert set(many[:-1]) == set(stored(views))


def test_where_nothing_was_noted_nothing_is_known(views: ViewsFile) -> None:
    assert {} == stored(views)


def test_what_fires_as_it_was_foreseen_has_not_moved(views: ViewsFile) -> None:
    assert Moved((), ()) == moved(DAILY, foreseen(views), NOW)
    assert Moved((), ()) == moved(DAILY, foreseen(views), NOW + timedelta(days=50))


def test_fires_that_are_elsewhere_now_have_moved(views: ViewsFile) -> None:
    found = moved(DAILY, shifted(foreseen(views), HOUR, first=98), NOW)
    assert found is not None
    times = [datetime(2026, 6, day, 7, tzinfo=UTC) for day in (8, 9)]
    assert (tuple(at + HOUR for at in times), tuple(times)) == found


def test_only_what_is_still_ahead_counts(views: ViewsFile) -> None:
    early = shifted(foreseen(views), HOUR)
    late = Forecast((*early.seconds[:50], *foreseen(views).seconds[50:]), VERSIONS)
    assert Moved((), ()) == moved(DAILY, late, NOW + timedelta(days=51))


def test_what_lies_behind_as_a_whole_says_nothing_any_more(views: ViewsFile) -> None:
    assert moved(DAILY, foreseen(views), NOW + timedelta(days=101)) is None


def test_a_schedule_whose_zone_is_gone_is_refused() -> None:
    forecast = Forecast((second_at(NOW + HOUR),), VERSIONS)
    with pytest.raises(BadInput, match="Mars/Base"):
        moved(Cron(("0 9 * * *",), timezone="Mars/Base"), forecast, NOW)


def test_a_schedule_that_fires_once_in_years_is_noted_as_far_as_one_looks(
    views: ViewsFile,
) -> None:
    leap = Cron(("0 0 29 2 *",))
    assert 13 == len(foreseen(views, leap).seconds)  # up to 2076, within 50 years
    assert Moved((), ()) == moved(leap, foreseen(views, leap), NOW)
