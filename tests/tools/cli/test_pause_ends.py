"""A pause with an end, and fire times passed over: what is typed, what is told, what is refused."""

from datetime import timedelta

import pytest

from tests.tools.cli.desk import Desk

GRID = ("--every", "10m", "--anchor", "2026-03-02T12:00Z")


@pytest.fixture
def orders(desk: Desk) -> Desk:
    """Return a desk with one job, due every 10 minutes on the grid of the hour."""
    desk.done("job", "add", "orders", "a.ok", *GRID)
    return desk


def types(desk: Desk, kind: str) -> list[str]:
    rows = desk.done("log", "list", "--job", "orders", "--json=type").json
    return [row["type"] for row in rows if row["type"].startswith(kind)]


@pytest.mark.parametrize(
    "words",
    [("--until", "2026-03-02T14:00"), ("--for", "1h"), ("--until", "+1h"), ("--until", "in 60m")],
)
def test_a_pause_may_be_given_its_end_in_any_form(orders: Desk, words: tuple[str, ...]) -> None:
    printed = orders.done("job", "pause", "orders", *words)
    assert (
        "orders is paused until 2026-03-02 14:00:00 CET; what it misses is skipped\n"
    ) == printed.out.replace(".\n", "\n")


@pytest.mark.parametrize(
    ("missed", "told"),
    [
        ("skip", "what it misses is skipped"),
        ("latest", "the newest fire it misses runs then"),
        ("all", "every fire it misses runs then"),
    ],
)
def test_what_becomes_of_the_missed_fires_is_told(orders: Desk, missed: str, told: str) -> None:
    words = ("job", "pause", "orders", "--for", "1h", "--missed", missed)
    assert orders.done(*words).out.endswith(f"; {told}.\n")


def test_a_pause_ends_by_itself_as_it_was_said(orders: Desk) -> None:
    orders.done("job", "pause", "orders", "--for", "25m", "--missed", "latest")
    orders.clock.advance(timedelta(minutes=26))
    orders.carry_out()
    assert "active" == orders.done("job", "show", "orders", "--json=status").json["status"]
    assert ["2026-03-02T12:20:00Z"] == [
        row["fire_time"] for row in orders.done("run", "list", "--json").json
    ]


def test_a_pause_that_stands_may_get_another_end_or_none(orders: Desk) -> None:
    orders.done("job", "pause", "orders", "--for", "1h")
    assert (
        "orders was paused already.\n" == orders.done("job", "pause", "orders", "--for", "1h").out
    )
    assert "14:30:00 CET" in orders.done("job", "pause", "orders", "--for", "90m").out
    assert "orders is paused.\n" == orders.done("job", "pause", "orders").out
    assert ["job-paused"] * 3 == types(orders, "job-paused")


def test_everything_may_be_paused_until_an_instant(orders: Desk) -> None:
    printed = orders.done("job", "pause", "--all", "--for", "1h", "--missed", "all", "--json").json
    (event,) = printed["events"]
    assert {"until": "2026-03-02T13:00:00Z", "missed": "all"} == event["body"]
    assert "2026-03-02T13:00:00Z" == printed["until"]
    assert (
        "Everything was paused already.\n"
        == orders.done("job", "pause", "--all", "--for", "1h", "--missed", "all").out
    )


@pytest.mark.parametrize(
    ("words", "path"),
    [
        # in a hurry
        (("--until", "2026-03-02T12:00"), "--until"),
        (("--until", "2026-03-01"), "--until"),
        (("--until", "now"), "--until"),
        (("--for", "0s"), "--for"),
        (("--for", "5"), "--for"),
        (("--for", "1M"), "--for"),
        (("--for", "soon"), "--for"),
        (("--for", "1h", "--until", "2026-03-03"), "--for"),
        (("--missed", "latest"), "--missed"),
        (("--missed", "skip"), "--missed"),
        (("--for", "1h", "--missed", "some"), "--missed"),
        # half asleep
        (("--until", ""), "--until"),
        (("--for", ""), "--for"),
        (("--until", "2026-02-30"), "--until"),
        (("--until", "2026-03-29T02:30"), "--until"),  # the clock skips it
        (("--until", "2026-10-25T02:30"), "--until"),  # ... shows it twice
        # hostile
        (("--for", "-1h"), "--for"),
        (("--for", "9" * 5_000 + "s"), "--for"),
        (("--for", "99999d"), "--for"),
        (("--until", "9999-12-31"), "--until"),
        (("--until", "\x1b[2J"), "--until"),
    ],
)
@pytest.mark.parametrize("whom", ["orders", "--all", "--label"])
def test_an_end_that_is_none_is_refused_by_its_flag_and_nothing_is_stored(
    orders: Desk, whom: str, words: tuple[str, ...], path: str
) -> None:
    who = ("--label", "team") if whom == "--label" else (whom,)
    orders.done("job", "edit", "orders", "--label", "team=x")
    head = orders.head
    printed = orders("job", "pause", *who, *words, "--json")
    assert (2, path) == (printed.code, printed.error["path"])
    assert len(printed.err) < 1_000
    assert head == orders.head


@pytest.mark.parametrize(
    ("words", "path"),
    [
        (("--for", "0s"), "--for"),
        (("--until", "now"), "--until"),
        (("--until", "2026-03-02T13:00:00.1"), "--until"),
    ],
)
def test_an_end_that_only_rounding_moves_ahead_of_now_is_refused(
    orders: Desk, words: tuple[str, ...], path: str
) -> None:
    orders.clock.advance(timedelta(milliseconds=300))
    printed = orders("job", "pause", "orders", *words, "--json")
    assert (2, path) == (printed.code, printed.error["path"])


# -- skip-next


def test_the_next_fire_time_is_passed_over_and_how_to_undo_it_is_told(orders: Desk) -> None:
    assert (
        "orders passes over 2026-03-02 13:10:00 CET. "
        "To undo it: horolog job skip-next orders --undo\n"
    ) == orders.done("job", "skip-next", "orders").out
    assert "orders: it is so already.\n" == orders.done("job", "skip-next", "orders").out
    orders.carry_out(10 * 60)
    orders.carry_out(10 * 60)
    assert ["2026-03-02T12:20:00Z"] == [
        row["fire_time"] for row in orders.done("run", "list", "--json").json
    ]


def test_a_name_with_blanks_is_quoted_in_what_to_type_next(desk: Desk) -> None:
    desk.done("job", "add", "daily mail", "a.ok", *GRID)
    told = desk.done("job", "skip-next", "daily mail").out
    assert told.endswith("horolog job skip-next 'daily mail' --undo\n")
    desk.done("job", "pause", "daily mail")
    desk.clock.advance(timedelta(minutes=25))
    assert (
        "horolog backfill start 'daily mail' --from" in desk.done("job", "resume", "daily mail").out
    )


def test_a_named_fire_time_is_passed_over_in_the_zone_it_was_typed_in(orders: Desk) -> None:
    words = ("job", "skip-next", "orders", "--at")
    printed = orders.done(*words, "2026-03-02 14:30", "--json").json
    assert ["2026-03-02T13:30:00Z"] == printed["fire_times"]
    tokyo = orders.done(*words, "2026-03-02 22:40", "--tz", "Asia/Tokyo", "--json").json
    assert ["2026-03-02T13:40:00Z"] == tokyo["fire_times"]


def test_what_was_passed_over_is_taken_back_one_by_one_or_all_at_once(orders: Desk) -> None:
    for minute in (10, 20, 30):
        orders.done("job", "skip-next", "orders", "--at", f"2026-03-02T12:{minute}Z")
    one = orders.done("job", "skip-next", "orders", "--undo", "--at", "2026-03-02T12:20Z")
    assert "orders fires at 2026-03-02 13:20:00 CET again.\n" == one.out
    rest = orders.done("job", "skip-next", "orders", "--undo")
    assert ("orders fires at 2026-03-02 13:10:00 CET, 2026-03-02 13:30:00 CET again.\n") == rest.out
    assert (
        "orders: nothing was to be passed over.\n"
        == orders.done("job", "skip-next", "orders", "--undo").out
    )


def test_a_dry_run_passes_over_nothing(orders: Desk) -> None:
    printed = orders.done("job", "skip-next", "orders", "--dry-run")
    assert printed.out.startswith("next-fire-skipped  job/")
    assert [] == orders.done("next", "--json").json[0]["skipping"]


@pytest.mark.parametrize(
    ("words", "path"),
    [
        (("--at", "2026-03-02T12:15Z"), "--at"),
        (("--at", "2026-03-02T11:50Z"), "--at"),
        (("--at", "2026-03-02T12:10:01Z"), "--at"),
        (("--at", "next"), "--at"),
        (("--at", ""), "--at"),
        (("--at", "2026-02-30T10:00"), "--at"),
        (("--at", "9999-12-31"), "--at"),
        (("--at", "\x1b[2J"), "--at"),
        (("--at", "9" * 100_000), "--at"),
    ],
)
def test_what_is_no_fire_time_to_come_is_refused(
    orders: Desk, words: tuple[str, ...], path: str
) -> None:
    head = orders.head
    printed = orders("job", "skip-next", "orders", *words, "--json")
    assert (2, path) == (printed.code, printed.error["path"])
    assert len(printed.err) < 1_000
    assert head == orders.head


def test_a_job_without_a_fire_time_to_come_has_none_to_pass_over(desk: Desk) -> None:
    desk.done("job", "add", "m", "a.ok", "--manual")
    printed = desk("job", "skip-next", "m")
    assert (5, 1) == (printed.code, printed.err.count("\n"))
    assert "m has no fire time to come" in printed.err


# -- what is listed while everything is paused


def fires(desk: Desk, *words: str) -> list[str]:
    return [fire["utc"] for fire in desk.done(*words, "--json=fires").json["fires"]]


def test_while_everything_is_paused_the_fires_after_its_end_are_listed(orders: Desk) -> None:
    orders.done("job", "add", "first", "a.ok", "--every", "1h", "--anchor", "2026-03-02T12:40Z")
    orders.done("job", "pause", "--all", "--until", "+1h")
    (first, second) = orders.done("next", "--json=job,next,left").json
    assert ("orders", "2026-03-02T13:10:00Z", "1 h 10 min") == tuple(first.values())
    assert ("first", "2026-03-02T13:40:00Z") == (second["job"], second["next"])
    assert [first["job"]] == [row["job"] for row in orders.done("next", "-n", "1", "--json").json]
    told = orders.done("job", "list", "--json=job,next_fire")
    assert "2026-03-02T13:10:00Z" == {row["job"]: row["next_fire"] for row in told.json}["orders"]
    assert "Everything is paused since" in told.err
    for words in (("job", "show", "orders"), ("explain", "orders")):
        assert "2026-03-02T13:10:00Z" == fires(orders, *words)[0]
        printed = orders.done(*words)
        assert "Everything is paused since 2026-03-02 13:00:00 CET" in printed.out + printed.err


def test_a_pause_of_everything_without_an_end_leaves_no_fire_to_list(orders: Desk) -> None:
    orders.done("job", "pause", "--all")
    printed = orders.done("next", "--json")
    assert [] == printed.json
    assert "Everything is paused since" in printed.err
    assert [] == fires(orders, "job", "show", "orders") + fires(orders, "explain", "orders")
    assert None is orders.done("job", "show", "orders", "--json=next_fire").json["next_fire"]
    assert "everything is paused without an end" in orders.done("job", "show", "orders").out
    orders.done("job", "resume", "--all")
    assert "2026-03-02T12:10:00Z" == fires(orders, "job", "show", "orders")[0]
