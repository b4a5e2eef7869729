"""`--key`: what may be one, and that a repeat under it answers the same and stores nothing."""

import pytest

from scheduler.model.errors import KeyReused
from scheduler.model.limits import KEY_TYPED_CHARS_MAX
from tests.tools.cli.desk import Desk


@pytest.fixture
def held(desk: Desk) -> Desk:
    """Return a desk with one job that fires every 10 minutes."""
    desk.done("job", "add", "held", "a.ok", "--every", "10m", "--label", "team=sales")
    return desk


@pytest.mark.parametrize(
    ("key", "told"),
    [
        ("", '"" is no key: 1 to 128 characters.'),
        (" ", '" " is no key: it is of ASCII, with no space before or behind it.'),
        ("k ", '"k " is no key: it is of ASCII'),
        ("a\nb", '"a\\u000ab" is no key: 1 to 128 characters.'),
        ("zamówienie", '"zamówienie" is no key: it is of ASCII'),
        ("łódź", '"łódź" is no key: it is of ASCII'),
        ("x" * (KEY_TYPED_CHARS_MAX + 1), "has 129 characters; at most 128."),
    ],
)
def test_what_cannot_be_a_key_is_refused_under_its_own_name(
    held: Desk, key: str, told: str
) -> None:
    head = held.head
    for words in (("held",), ("--label", "team"), ("--all",)):
        printed = held("job", "pause", *words, "--key", key)
        assert (2, "") == (printed.code, printed.out)
        assert printed.err.startswith(f"--key: {told}")
    assert head == held.head


def test_the_longest_key_serves_one_and_many(held: Desk) -> None:
    key = "k " * (KEY_TYPED_CHARS_MAX // 2 - 1) + "-1"
    held.carry_out(10 * 60, kind="error", error="ValueError: no data")
    held.done("job", "pause", "held", "--key", key)
    held.done("job", "resume", "--label", "team", "--key", key)
    since = ("--failed", "--since", "2026-03-02T12:00Z")
    assert "1 run to be run once more." in held.done("run", "replay", *since, "--key", key).out


# -- a repeat


def test_a_run_that_is_asked_for_again_is_the_run_of_then(held: Desk) -> None:
    words = ("run", "start", "held", "--key", "k-1")
    first = held.done(*words).out
    assert first == held.done(*words).out
    held.done("run", "show", first.strip())
    assert held.done(*words, "--json").json == held.done(*words, "--json").json


@pytest.mark.parametrize("verb", ["replay", "retry"])
def test_runs_that_are_mended_again_are_those_of_then_however_they_ended(
    held: Desk, verb: str
) -> None:
    held.done("job", "edit", "held", "--overlap", "allow")
    held.carry_out(10 * 60, kind="error", error="ValueError: no data")
    words = ("run", verb, "--failed", "--since", "2026-03-02T12:00Z", "--key", "k-1")
    first = held.done(*words, "--json=run,of,first,last,events").json
    held.carry_out(1, kind="error", error="ValueError: no data")
    head = held.head
    assert first == held.done(*words, "--json=run,of,first,last,events").json
    assert "asked for before, under this key; nothing more is done" in held.done(*words).err
    assert head == held.head


@pytest.mark.parametrize("whom", [("held",), ("--labelled", "team")])
def test_an_edit_that_is_asked_for_again_is_told_as_it_was_then(
    held: Desk, whom: tuple[str, ...]
) -> None:
    words = ("job", "edit", *whom, "--timeout", "3m", "--label", "tier=1", "--key", "k-1")
    first = held.done(*words).out
    assert 'timeout: "1h" → "3m"' in first
    head = held.head
    assert first == held.done(*words).out
    assert head == held.head


@pytest.mark.parametrize(
    ("words", "option"),
    [
        (("job", "pause", "held", "--for", "1h"), "--for"),
        (("job", "pause", "held", "--until", "+1h"), "--until"),
        (("job", "pause", "--all", "--for", "1h"), "--for"),
        (("job", "pause", "--label", "team", "--for", "1h"), "--for"),
        (("job", "skip-next", "held", "--at", "in 10m"), "--at"),
        (("job", "add", "once", "a.ok", "--at", "+1h"), "--at"),
        (("job", "add", "more", "a.ok", "--every", "10m", "--start-at", "now"), "--start-at"),
        (("job", "edit", "held", "--end-at", "+1h"), "--end-at"),
        (("job", "edit", "--labelled", "team", "--every", "5m", "--anchor", "now"), "--anchor"),
        (
            ("backfill", "start", "held", "--from", "2026-03-02T10:00Z", "--until", "now"),
            "--until",
        ),
    ],
)
def test_an_instant_that_is_counted_from_now_is_refused_under_a_key(
    held: Desk, words: tuple[str, ...], option: str
) -> None:
    head = held.head
    printed = held(*words, "--key", "k-1")
    assert (2, "") == (printed.code, printed.out)
    assert printed.err.startswith(f"{option}: ")
    assert "another instant at each call: under --key, a repeat must say the same" in printed.err
    assert head == held.head


def test_a_job_that_is_renamed_again_is_that_which_bore_the_name_then(held: Desk) -> None:
    words = ("job", "rename", "held", "freed", "--key", "k-1")
    first = held.done(*words)
    assert "held is now called freed.\n" == first.out
    assert first == held.done(*words)
    held.done("job", "add", "held", "a.ok", "--manual")
    assert first == held.done(*words)
    assert 5 == held("job", "rename", "held", "other", "--key", "k-1").code
    assert {"held", "freed"} == {row["job"] for row in held.done("job", "list", "--json").json}


def test_a_backfill_that_is_asked_for_again_is_told_as_it_was_then(
    held: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    window = ("--from", "2026-03-02T11:00Z", "--until", "2026-03-02T12:00Z")
    words = ("backfill", "start", "held", *window, "--key", "k-1")
    fields = "--json=backfill,count,to_run,to_run_again,unchanged,first,last,events"
    first = held.done(*words, fields).json
    assert 6 == first["to_run"]
    held.carry_out(turns=8)
    assert first == held.done(*words, fields).json
    head = held.head
    held.done("backfill", "start", "held", *window, "--only", "all")
    assert first == held.done(*words, fields).json
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("click.confirm", lambda *_, **__: False)
    printed = held.done(*words)
    assert f"{first['backfill']}\n" == printed.out
    assert "  6 would run" in printed.err
    assert "It was asked for before, under this key; nothing more is started." in printed.err
    assert head + 1 == held.head


def test_a_key_of_many_that_belongs_to_another_command_is_named_as_it_was_typed(
    held: Desk,
) -> None:
    held.done("job", "add", "more", "a.ok", "--manual", "--label", "team=sales")
    held.done("job", "pause", "--label", "team", "--key", "k-1")
    reused = "the request key 'k-1' was used before for another command; use a new key"
    printed = held("job", "resume", "--label", "team", "--key", "k-1")
    assert (KeyReused.exit_code, f"{reused}\n") == (printed.code, printed.err)
    rows = held("job", "remove", "--label", "team", "--key", "k-1", "--json").json
    assert [reused, reused] == [row["error"] for row in rows]


def test_runs_whose_key_belongs_to_another_command_name_it_as_it_was_typed(held: Desk) -> None:
    held.carry_out(10 * 60, kind="error", error="ValueError: no data")
    since = ("--failed", "--since", "2026-03-02T12:00Z", "--key", "k-1")
    held.done("run", "retry", *since)
    held.carry_out(1, kind="error", error="ValueError: no data")
    assert "the request key 'k-1' was used before" in held("run", "replay", *since).err
