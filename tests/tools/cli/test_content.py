"""`content erase` and `show`, and what `run output` says of output that has gone."""

import json
from datetime import timedelta

import pytest

from scheduler.model.content import digest_of
from scheduler.model.invocations import Output
from tests.tools.cli.desk import Desk

LONG = "a long input " * 100
RESULT = "r" * 5_000
LINES = "one\ntwo\n"


@pytest.fixture
def orders(desk: Desk) -> Desk:
    """Return a desk with one job that fires every 10 minutes, its input content."""
    desk.done("job", "add", "orders", "a.ok", "--every", "10m", "--input", LONG)
    return desk


def ran(desk: Desk, text: str = LINES) -> str:
    """Let one run of the job write some lines, and return its id."""
    desk.carry_out(10 * 60, output=Output(text, text.count("\n")))
    run = desk.done("run", "list", "--json").json[0]["run"]
    assert isinstance(run, str)
    return run


def test_a_content_is_erased_by_its_digest_with_an_event_and_a_reason(orders: Desk) -> None:
    run = ran(orders)
    digest = digest_of(LINES.encode())
    printed = orders.done("content", "erase", digest, "--reason", "asked to forget")
    assert "Erased 1 content, 8 bytes.\n" == printed.out
    assert 3 == orders("run", "output", run).code
    (event,) = [
        row
        for row in map(json.loads, orders.done("log", "list", "--jsonl").out.splitlines())
        if row["type"] == "content-erased"
    ]
    assert ({"digests": [digest], "count": 1}, "asked to forget") == (
        event["body"],
        event["reason"],
    )
    assert 0 == orders.done("log", "verify").code
    assert LINES.encode() not in orders.db.read_bytes()


def test_an_erasure_asked_for_again_changes_nothing(orders: Desk) -> None:
    ran(orders)
    digest = digest_of(LINES.encode())
    orders.done("content", "erase", digest)
    printed = orders.done("content", "erase", digest, "--json")
    assert (False, 0, []) == tuple(printed.json[name] for name in ("changed", "erased", "events"))
    assert "There was nothing to erase.\n" == orders.done("content", "erase", digest).out


def test_a_dry_run_erases_nothing(orders: Desk) -> None:
    run = ran(orders)
    printed = orders.done("content", "erase", "--run", run, "--dry-run")
    assert printed.out.startswith("content-erased  system  ")
    assert LINES == orders.done("run", "output", run).out


def test_all_that_a_run_brought_is_erased(orders: Desk) -> None:
    orders.done("run", "start", "orders", "--input", LONG[::-1])
    orders.carry_out(output=Output(LINES, 2))
    run = orders.done("run", "list", "--json").json[0]["run"]
    printed = orders.done("content", "erase", "--run", run, "--json")
    assert (2, len(LONG) + len(LINES)) == (printed.json["erased"], printed.json["bytes"])
    assert 0 == orders.done("log", "verify").code


def test_what_an_open_run_needs_is_not_erased(orders: Desk) -> None:
    orders.done("run", "start", "orders", "--input", LONG[::-1])
    run = orders.done("run", "list", "--json").json[0]["run"]
    printed = orders("content", "erase", "--run", run)
    assert 5 == printed.code
    assert "is waiting and still needs content" in printed.err


def test_the_input_of_a_job_is_not_erased_before_it_has_another(orders: Desk) -> None:
    digest = digest_of(LONG.encode())
    printed = orders("content", "erase", digest)
    assert 5 == printed.code
    assert "is the input of job 'orders'" in printed.err
    orders.done("job", "edit", "orders", "--no-input")
    assert "Erased 1 content" in orders.done("content", "erase", digest).out


def test_all_of_a_job_is_erased_but_what_it_still_needs(orders: Desk) -> None:
    ran(orders, "first\n")
    orders.done("job", "edit", "orders", "--input", LONG + "!")
    ran(orders, "second\n")
    printed = orders.done("content", "erase", "--job", "orders", "--json")
    assert (3, 1) == (printed.json["erased"], printed.json["needed"])
    again = orders.done("content", "erase", "--job", "orders")
    assert "There was nothing to erase.\n" == again.out
    assert "1 content stay: " in again.err
    orders.done("job", "remove", "orders", "-y")
    assert 1 == orders.done("content", "erase", "--job", "orders", "--json").json["erased"]


def test_of_a_job_only_what_was_over_so_long_ago_is_erased(orders: Desk) -> None:
    old = ran(orders, "old and same\n")
    ran(orders, "old\n")
    orders.clock.advance(timedelta(days=2))
    new = ran(orders, "old and same\n")
    printed = orders.done(
        "content", "erase", "--job", "orders", "--older-than", "1d", "--json"
    ).json
    assert (1, 2) == (printed["erased"], printed["needed"])
    assert ["old and same\n"] * 2 == [orders.done("run", "output", run).out for run in (old, new)]


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        ([], 2, "DIGEST: say what to erase"),
        (["a" * 64, "--run", "x"], 2, "DIGEST: say what to erase"),
        (["--run", "x", "--job", "y"], 2, "DIGEST: say what to erase"),
        (["a" * 64, "--older-than", "1d"], 2, "--older-than: belongs to --job"),
        (["--job", "orders", "--older-than", "soon"], 2, "--older-than: "),
        (["xyz"], 2, 'DIGEST: "xyz" is no digest of 64 hex digits'),
        (["a" * 64], 3, "No content 'aaaa"),
        (["--run", "0193f6a2"], 3, "No run '0193f6a2'"),
        (["--job", "nobody"], 3, "No job 'nobody'"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    orders: Desk, words: list[str], code: int, told: str
) -> None:
    printed = orders("content", "erase", *words)
    assert code == printed.code
    assert told in printed.err


def test_a_content_is_shown_with_the_events_that_name_it(orders: Desk) -> None:
    ran(orders)
    ran(orders)
    printed = orders.done("content", "show", digest_of(LINES.encode()).upper(), "--json").json
    assert ("kept", 8, 2, [], LINES) == tuple(
        printed[name] for name in ("state", "size", "named", "erased_by", "text")
    )
    assert {"attempt-logged"} == {named["type"] for named in printed["named_by"]}
    lines = orders.done("content", "show", digest_of(LINES.encode())).out.splitlines()
    assert "state  kept" in lines
    assert ["  | one", "  | two"] == lines[-2:]


def test_of_very_many_events_that_name_a_content_the_first_are_shown_and_all_counted(
    orders: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tools.cli.content.NAMING_SHOWN_MAX", 1)
    ran(orders)
    ran(orders)
    printed = orders.done("content", "show", digest_of(LINES.encode()), "--json").json
    assert (2, 1) == (printed["named"], len(printed["named_by"]))


def test_an_erased_content_is_shown_with_who_erased_it(orders: Desk) -> None:
    ran(orders)
    digest = digest_of(LINES.encode())
    orders.done("content", "erase", digest)
    printed = orders.done("content", "show", digest, "--json").json
    assert ("erased", None, None, 1) == (
        printed["state"],
        printed["size"],
        printed["text"],
        len(printed["erased_by"]),
    )
    assert "erased by" in orders.done("content", "show", digest).out


def test_a_content_that_the_log_never_had_is_not_found(orders: Desk) -> None:
    assert 3 == orders("content", "show", "a" * 64).code


def test_output_that_was_kept_long_enough_says_so(orders: Desk) -> None:
    run = ran(orders)
    orders.clock.advance(timedelta(days=31))
    with orders.serving() as history:
        assert 1 == history.log.purge() + history.log.purge()
    printed = orders("run", "output", run)
    assert 3 == printed.code
    assert "The output was kept until 2026-04-01 14:10:00 CEST" in printed.err
    digest = digest_of(LINES.encode())
    assert "expired" == orders.done("content", "show", digest, "--json").json["state"]


def test_output_that_was_erased_says_so(orders: Desk) -> None:
    run = ran(orders)
    orders.done("content", "erase", "--run", run)
    printed = orders("run", "output", run)
    assert (3, True) == (printed.code, "It was erased from the log" in printed.err)


# -- private jobs


@pytest.fixture
def private(desk: Desk) -> Desk:
    """Return a desk with a private job that fires every 10 minutes."""
    desk.done("job", "add", "hush", "a.ok", "--every", "10m", "--private", "--input", "the key")
    return desk


def digest_of_job(desk: Desk) -> str:
    (row,) = [
        row
        for row in map(json.loads, desk.done("log", "list", "--jsonl").out.splitlines())
        if row["type"] == "job-defined"
    ]
    payload = row["body"]["definition"]["input"]
    assert {"digest", "size", "salted"} == set(payload)
    assert isinstance(payload["digest"], str)
    return payload["digest"]


def test_a_private_input_stands_in_no_event_and_its_digest_confirms_no_guess(
    private: Desk,
) -> None:
    assert digest_of(b"the key") != digest_of_job(private)
    assert "the key" not in private.done("log", "list", "--jsonl").out
    assert (
        "the key"
        == private.done("content", "show", digest_of_job(private), "--json=text").json["text"]
    )


def test_a_private_job_added_or_edited_with_the_same_input_does_not_change(private: Desk) -> None:
    same = ("a.ok", "--every", "10m", "--private", "--input", "the key")
    assert "Nothing changed" in private.done("job", "add", "hush", *same).out
    assert "Nothing changed" in private.done("job", "edit", "hush", "--input", "the key").out
    assert "Nothing changed" not in private.done("job", "edit", "hush", "--input", "other").out
    private.done("job", "edit", "hush", "--timeout", "5m")
    assert 4 == len(private.done("log", "list", "--jsonl").out.splitlines())


def test_a_private_input_is_not_sent_back_by_a_repeat_under_the_same_key(private: Desk) -> None:
    start = ("run", "start", "hush", "--input", "for once", "--key", "k1", "--json")
    first = private.done(*start).json
    again = private.done(*start).json
    assert (first["first"], first["events"]) == (again["first"], again["events"])
    assert "for once" not in private.done("log", "list", "--jsonl").out


def test_an_input_becomes_private_with_its_job_and_open_again(desk: Desk) -> None:
    desk.done("job", "add", "hush", "a.ok", "--every", "10m", "--input", "x=1")
    desk.done("job", "edit", "hush", "--private")
    shown = desk.done("job", "show", "hush", "--json").json["definition"]["input"]
    assert shown["$content"]["salted"]
    desk.done("job", "edit", "hush", "--no-private")
    assert "x=1" == desk.done("job", "show", "hush", "--json").json["definition"]["input"]


def test_a_job_whose_input_was_erased_can_still_be_edited(private: Desk) -> None:
    private.done("job", "edit", "hush", "--input", "other")
    first = digest_of_job(private)
    private.done("content", "erase", first)
    private.done("job", "edit", "hush", "--timeout", "5m")
    assert 3 <= len(private.done("job", "history", "hush", "--json").json)
