"""How instants and lengths of time are read, refused and written back."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.model.errors import BadInput
from scheduler.model.limits import DURATION_MAX, WRITTEN_CHARS_MAX
from scheduler.model.written import format_duration, format_instant, parse_duration, parse_instant

WARSAW = "Europe/Warsaw"
NOW = datetime(2026, 3, 1, 10, tzinfo=UTC)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def length(text: str) -> timedelta:
    return parse_duration(text, path="--every")


def refused_length(text: str) -> str:
    with pytest.raises(BadInput) as refused:
        length(text)
    return str(refused.value)


def instant(text: str, zone: str = WARSAW) -> datetime:
    return parse_instant(text, zone=zone, now=NOW, path="--from")


def refused_instant(text: str, zone: str = WARSAW) -> str:
    with pytest.raises(BadInput) as refused:
        instant(text, zone)
    return str(refused.value)


# -- lengths of time


@pytest.mark.parametrize(
    ("text", "means"),
    [
        ("0s", timedelta()),
        ("90s", timedelta(seconds=90)),
        ("5m", timedelta(minutes=5)),
        ("5 m", timedelta(minutes=5)),
        ("1h30m", timedelta(minutes=90)),
        ("1h 30m", timedelta(minutes=90)),
        ("1.5h", timedelta(minutes=90)),
        ("2d", timedelta(days=2)),
        ("1w", timedelta(days=7)),
        ("1w2d3h4m5s6ms", timedelta(9, 5, 6_000, 0, 4, 3)),
        ("500ms", timedelta(milliseconds=500)),
        ("0.25ms", timedelta(microseconds=250)),
        ("36525d", DURATION_MAX),
        ("PT1H", timedelta(hours=1)),
        ("P1DT2H3M4.5S", timedelta(days=1, hours=2, minutes=3, seconds=4.5)),
        ("P2W", timedelta(weeks=2)),
    ],
)
def test_a_length_is_numbers_with_units(text: str, means: timedelta) -> None:
    assert means == length(text)


def test_a_month_is_refused_because_months_differ() -> None:
    said = "--every: \"1M\": months differ in length. For monthly: --cron '0 0 1 * *'"
    assert said == refused_length("1M")


@pytest.mark.parametrize("text", ["1mo", "2 months", "P1M", "1month"])
def test_a_month_is_refused_however_it_is_written(text: str) -> None:
    assert "months differ" in refused_length(text)


@pytest.mark.parametrize("text", ["1y", "2 years", "P1Y", "1Y"])
def test_a_year_is_refused_because_years_differ(text: str) -> None:
    assert "years differ" in refused_length(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("90", "has no unit. Write 90s, 90m, 90h or 90d"),
        ("0", "has no unit"),
        ("-5m", "is negative"),
        ("", "no length of time"),
        ("nan", "no length of time"),
        ("inf", "no length of time"),
        ("1e3s", "no length of time"),
        ("30m1h", "no length of time"),
        ("1h1h", "no length of time"),
        ("h", "no length of time"),
        ("1.s", "no length of time"),
        ("5 minutes", "no length of time"),
        ("P", "no length of time"),
        ("PT", "no length of time"),
        ("٣s", "no length of time"),
        ("5s\x1b[2J", "no length of time"),
        ("36526d", "at most 36525 days"),
        ("99999999999999999999w", "at most 36525 days"),
        ("0.0001ms", "finer than a microsecond"),
        ("9" * (WRITTEN_CHARS_MAX + 1), "more than 64 characters"),
    ],
)
def test_what_is_no_length_is_refused_with_how_to_write_one(text: str, said: str) -> None:
    assert said in refused_length(text)


def test_a_refusal_holds_no_control_character() -> None:
    assert refused_length("5s\x1b[2J").isprintable()
    assert refused_instant("2026\x1b[2J").isprintable()


@pytest.mark.parametrize(
    ("written", "span"),
    [
        ("0s", timedelta()),
        ("1m30s", timedelta(seconds=90)),
        ("1h30m", timedelta(minutes=90)),
        ("2d", timedelta(days=2)),
        ("2w", timedelta(weeks=2)),
        ("8d", timedelta(days=8)),
        ("7d1s", timedelta(days=7, seconds=1)),
        ("1s500ms", timedelta(seconds=1.5)),
        ("0.25ms", timedelta(microseconds=250)),
        ("-1h", timedelta(hours=-1)),
    ],
)
def test_a_length_is_written_in_the_units_it_is_read_in(written: str, span: timedelta) -> None:
    assert written == format_duration(span)


@given(st.timedeltas(min_value=timedelta(), max_value=DURATION_MAX))
def test_what_is_written_is_read_as_the_same_length(span: timedelta) -> None:
    assert span == length(format_duration(span))


# -- instants


@pytest.mark.parametrize(
    ("text", "means"),
    [
        ("now", "2026-03-01T10:00"),
        ("+3s", "2026-03-01T10:00:03"),
        ("in 1h30m", "2026-03-01T11:30"),
        ("2026-07-01T09:00", "2026-07-01T07:00"),
        ("2026-07-01 09:00", "2026-07-01T07:00"),
        ("2026-07-01T09:00:30", "2026-07-01T07:00:30"),
        ("2026-07-01", "2026-06-30T22:00"),
        ("2026-07-01T09:00Z", "2026-07-01T09:00"),
        ("2026-07-01 09:00 UTC", "2026-07-01T09:00"),
        ("2026-07-01T09:00+05:30", "2026-07-01T03:30"),
        ("2026-07-01T09:00-0800", "2026-07-01T17:00"),
        ("2026-07-01T09:00-08", "2026-07-01T17:00"),
        ("2026-10-25T02:30+02:00", "2026-10-25T00:30"),
        ("2026-10-25T02:30+01:00", "2026-10-25T01:30"),
        ("2026-10-25 02:30:00 CEST", "2026-10-25T00:30"),
        ("2026-10-25 02:30:00 CET", "2026-10-25T01:30"),
        ("2262-12-31T23:59:59Z", "2262-12-31T23:59:59"),
        ("1970-01-01T00:00Z", "1970-01-01T00:00"),
    ],
)
def test_an_instant_is_a_date_and_time_or_counted_from_now(text: str, means: str) -> None:
    assert utc(means) == instant(text)
    assert UTC is instant(text).tzinfo


def test_a_fraction_is_rounded_up_so_that_nothing_is_early() -> None:
    assert utc("2026-07-01T09:00:01") == instant("2026-07-01T09:00:00.000001Z")
    assert utc("2026-07-01T09:00:00") == instant("2026-07-01T09:00:00.000Z")
    late = NOW + timedelta(microseconds=1)
    assert NOW + timedelta(seconds=1) == parse_instant("now", zone="UTC", now=late, path="--at")


def test_a_local_time_that_occurs_twice_is_refused_with_both_readings() -> None:
    assert (
        "--from: 2026-10-25T02:30 happens twice in Europe/Berlin (the clock goes back)."
        " Say which: 02:30+02:00 or 02:30+01:00"
    ) == refused_instant("2026-10-25T02:30", "Europe/Berlin")


def test_a_local_time_in_a_gap_is_refused_with_the_first_one_after_it() -> None:
    assert (
        "--from: 2026-03-29T02:30 does not exist in Europe/Warsaw (the clock goes forward)."
        " The first time after it is 2026-03-29T03:00"
    ) == refused_instant("2026-03-29T02:30")
    assert "2011-12-31T00:00" in refused_instant("2011-12-30T10:00", "Pacific/Apia")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no date and time"),
        ("tomorrow", "no date and time"),
        ("14:00", "no date and time"),
        ("1767225600", "no date and time"),
        ("2026-7-1", "no date and time"),
        ("2026-02-30", "no date and time"),
        ("2026-13-01", "no date and time"),
        ("2026-07-01T24:00", "no date and time"),
        ("2026-07-01T09:60", "no date and time"),
        ("2026-07-01T09:00:60", "no date and time"),
        ("2026-07-01T09:00+24:00", "at most 23 hours"),
        ("2026-07-01T09:00+01:60", "at most 23 hours"),
        ("2026-07-01T09:00 PST", "is not called PST then"),
        ("2026-07-01T09:00 CET", "is not called CET then"),
        ("٢٠٢٦-07-01", "no date and time"),
        ("in five minutes", "no length of time"),
        ("+1M", "months differ"),
        ("1969-12-31T23:59:59Z", "outside the years 1970 to 2262"),
        ("1970-01-01T00:30", "outside the years 1970 to 2262"),
        ("2263-01-01", "outside the years 1970 to 2262"),
        ("2262-12-31T23:59:59.5Z", "outside the years 1970 to 2262"),
        ("9999-12-31T23:59:59.9-12:00", "outside the years 1970 to 2262"),
        ("0001-01-01T00:00+12:00", "outside the years 1970 to 2262"),
        ("2026-07-01T09:00".ljust(WRITTEN_CHARS_MAX) + "Z", "more than 64 characters"),
    ],
)
def test_what_is_no_instant_is_refused_with_the_reason(text: str, said: str) -> None:
    assert said in refused_instant(text)


@pytest.mark.parametrize(
    ("shown", "at", "zone"),
    [
        ("2026-10-25 02:30:00 CEST", "2026-10-25T00:30", WARSAW),
        ("2026-10-25 02:30:00 CET", "2026-10-25T01:30", WARSAW),
        ("2026-01-01 00:00:00 UTC", "2026-01-01T00:00", "UTC"),
        ("2025-12-31 21:00:00 -03", "2026-01-01T00:00", "America/Sao_Paulo"),
    ],
)
def test_an_instant_is_shown_with_the_name_of_its_offset(shown: str, at: str, zone: str) -> None:
    assert shown == format_instant(utc(at), zone)


@given(
    st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1)),  # noqa: DTZ001  # UTC is put in below
    st.sampled_from([WARSAW, "UTC", "America/Sao_Paulo", "Australia/Lord_Howe", "Asia/Kolkata"]),
)
def test_what_is_shown_is_read_as_the_same_instant(at: datetime, zone: str) -> None:
    whole = at.replace(microsecond=0, tzinfo=UTC)
    assert whole == instant(format_instant(whole, zone), zone)
