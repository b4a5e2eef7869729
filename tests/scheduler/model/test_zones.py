"""Which zone names are accepted, and that every clock change is found."""

import subprocess
import sys
import zoneinfo
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo, available_timezones

import pytest

from scheduler.model.errors import BadInput
from scheduler.model.limits import CLOCK_PROBE, ZONE_CHARS_MAX
from scheduler.model.zones import is_known, transitions, zone
from tests.zone_files import LEMURIA, installed

HOUR = timedelta(hours=1)


def refusal(name: str) -> str:
    with pytest.raises(BadInput) as refused:
        zone(name)
    return str(refused.value)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    "name",
    ["UTC", "Europe/Warsaw", "America/Argentina/Buenos_Aires", "Etc/GMT+12", "EST5EDT", "NZ-CHAT"],
)
def test_a_name_of_the_tz_database_is_that_zone(name: str) -> None:
    assert name == zone(name).key


def test_a_zone_is_loaded_once() -> None:
    assert zone("Asia/Tokyo") is zone("Asia/Tokyo")


def test_every_zone_of_this_machine_is_accepted_or_has_a_reason_not_to_be() -> None:
    known = available_timezones() - {"localtime", "posixrules", "Factory"}
    assert [] == [name for name in sorted(known) if zone(name).key != name]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("localtime", "means another zone on another machine"),
        ("posixrules", "means another zone on another machine"),
        ("Factory", "means another zone on another machine"),
        ("posix/Europe/Warsaw", "Write Europe/Warsaw"),
        ("right/UTC", "Write UTC"),
        ("europe/warsaw", "Did you mean Europe/Warsaw?"),
        ("EUROPE/WARSAW", "Did you mean Europe/Warsaw?"),
        ("Warsaw", "Did you mean Europe/Warsaw?"),
        ("new york", "Did you mean America/New_York?"),
        ("Europe/Varsaw", "Europe/Warsaw"),
        ("Nope/Zone", "Names are those of the tz database"),
        ("Europe/Nowhere", "Names are those of the tz database"),
        ("+02:00", "An offset is no zone"),
        ("UTC+2", "An offset is no zone"),
        ("", "Names are those of the tz database"),
        ("Mars/Olympus_Mons_Base", "Names are those of the tz database"),
        ("Europe", "there is no time zone"),
        ("zone.tab", "there is no time zone"),
        ("tzdata.zi", "there is no time zone"),
        ("leapseconds", "there is no time zone"),
        ("../../etc/passwd", "there is no time zone"),
        ("/etc/localtime", "there is no time zone"),
        ("Europe/../Europe/Warsaw", "there is no time zone"),
        ("Europe/Warsaw\n", "there is no time zone"),
        ("Europe//Warsaw", "there is no time zone"),
        ("Europe/Warsaw\x00", 'no time zone "that name"'),
        ("E" * (ZONE_CHARS_MAX + 1), 'no time zone "that name"'),
        ("Ęurope/Warsaw", "there is no time zone"),
    ],
)
def test_any_other_name_is_refused_with_what_it_may_have_meant(name: str, said: str) -> None:
    assert said in refusal(name)


def test_a_refusal_names_the_path_it_was_given() -> None:
    with pytest.raises(BadInput) as refused:
        zone("Nowhere", path="--tz")
    assert "--tz" == refused.value.problems[0].path


def test_whether_a_name_is_known_is_told_without_listing_all_zones(tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(zoneinfo, "available_timezones", None)
        assert (True, False, False) == tuple(map(is_known, ("UTC", LEMURIA, "posixrules")))
    with installed(LEMURIA, tmp_path):
        assert is_known(LEMURIA)  # it came while we ran


def test_a_name_in_another_case_is_refused_on_a_disk_that_ignores_case(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "UTC").touch()
    zoneinfo.reset_tzpath(to=[str(tmp_path)])
    monkeypatch.setattr(Path, "is_file", lambda path: True)  # such a disk finds "Utc" too
    monkeypatch.setattr("scheduler.model.zones.ZoneInfo", lambda name: ZoneInfo("UTC"))
    try:
        assert "Did you mean UTC?" in refusal("Utc")
    finally:
        zoneinfo.reset_tzpath()


def test_a_good_name_is_looked_up_without_listing_all_zones() -> None:
    program = (
        "import zoneinfo\n"
        "def listed(): raise SystemExit('all zones were listed')\n"
        "zoneinfo.available_timezones = listed\n"
        "from scheduler.model.zones import zone\n"
        "zone('Europe/Warsaw')\n"
    )
    assert 0 == subprocess.run([sys.executable, "-c", program], check=False).returncode


# -- clock changes


def test_a_year_of_warsaw_has_its_two_changes() -> None:
    found = transitions(zone("Europe/Warsaw"), at("2026-01-01"), at("2027-01-01"))
    assert [
        (at("2026-03-29T01:00"), HOUR, 2 * HOUR),
        (at("2026-10-25T01:00"), 2 * HOUR, HOUR),
    ] == found


def test_the_window_holds_its_end_and_not_its_beginning() -> None:
    change = at("2026-03-29T01:00")
    second = timedelta(seconds=1)
    place = zone("Europe/Warsaw")
    assert 1 == len(transitions(place, change - second, change))
    assert [] == transitions(place, change, change + second)
    assert [] == transitions(place, change - second, change - second)


def test_a_zone_that_never_changes_has_no_changes() -> None:
    assert [] == transitions(zone("UTC"), at("1970-01-01"), at("2262-01-01"))
    assert [] == transitions(zone("Etc/GMT-5"), at("1970-01-01"), at("2262-01-01"))


def test_a_lost_day_is_one_change() -> None:
    (change,) = transitions(zone("Pacific/Apia"), at("2011-12-01"), at("2012-01-15"))
    assert at("2011-12-30T10:00") == change.at
    assert timedelta(days=1) == change.offset_after - change.offset_before


def test_two_changes_a_week_apart_are_both_found() -> None:
    found = transitions(zone("America/Noronha"), at("2000-10-01"), at("2000-10-31"))
    assert [at("2000-10-08T02:00"), at("2000-10-15T01:00")] == [change.at for change in found]
    assert found[1].at - found[0].at > CLOCK_PROBE


def test_an_offset_of_odd_seconds_is_found_to_the_second() -> None:
    (change,) = transitions(zone("Africa/Monrovia"), at("1972-01-01"), at("1972-02-01"))
    assert at("1972-01-07T00:44:30") == change.at


def test_a_window_beyond_our_calendar_is_clipped() -> None:
    far = datetime.max.replace(tzinfo=UTC)
    found = transitions(zone("Europe/Warsaw"), at("2261-01-01"), far)
    assert 2263 == found[-1].at.year


@pytest.mark.slow
@pytest.mark.parametrize("part", range(8))
def test_every_change_of_every_zone_is_found(part: int) -> None:
    """Compare with the offset asked for at each quarter of a day, 2000 to 2037."""
    step = timedelta(hours=6)
    start, end = at("2000-01-01"), at("2038-01-01")
    for name in sorted(available_timezones())[part::8]:
        place = ZoneInfo(name)
        moments = [start + number * step for number in range((end - start) // step + 1)]
        offsets = [moment.astimezone(place).utcoffset() for moment in moments]
        jumps = [
            (later, before, after)
            for later, (before, after) in zip(moments[1:], pairwise(offsets), strict=True)
            if before != after
        ]
        found = transitions(place, start, end)
        assert len(jumps) == len(found), name
        for (later, before, after), change in zip(jumps, found, strict=True):
            assert later - step < change.at <= later, name
            assert (before, after) == (change.offset_before, change.offset_after), name
