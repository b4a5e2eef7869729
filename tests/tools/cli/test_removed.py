"""Of a removed job nothing is changed any more, and it is said so; what it left can be read."""

import pytest

from tests.tools.cli.desk import Desk

WINDOW = ("--from", "2026-03-02T11:00Z", "--until", "2026-03-02T12:00Z")


@pytest.fixture
def removed(desk: Desk) -> Desk:
    """Return a desk with a job that ran once and was removed."""
    desk.done("job", "add", "gone", "a.ok", "--every", "10m", "--anchor", "2026-03-02T12:00Z")
    desk.carry_out(10 * 60)
    desk.done("job", "remove", "gone")
    return desk


@pytest.mark.parametrize(
    "words",
    [
        ("job", "skip-next", "gone"),
        ("job", "skip-next", "gone", "--undo"),
        ("job", "pause", "gone"),
        ("job", "resume", "gone"),
        ("job", "rename", "gone", "again"),
        ("job", "edit", "gone", "--timeout", "5m"),
        ("job", "remove", "gone"),
        ("run", "start", "gone"),
        ("backfill", "plan", "gone", *WINDOW),
        ("backfill", "start", "gone", *WINDOW),
    ],
    ids=" ".join,
)
def test_nothing_is_changed_of_it(
    removed: Desk, words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("click.confirm", lambda text, **_: asked.append(text))
    head = removed.head
    printed = removed(*words)
    assert (5, "", []) == (printed.code, printed.out, asked)
    told, _, shown = printed.err.rstrip("\n").partition(" What it was: horolog ")
    assert "gone was removed and stays as it is." == told
    assert "removed" in removed.done(*shown.split()).out
    assert head == removed.head


def test_what_it_left_is_read(removed: Desk) -> None:
    for words in (
        ("job", "show", "gone"),
        ("job", "history", "gone"),
        ("run", "list", "--job", "gone"),
        ("missed", "gone"),
        ("why", "gone", "2026-03-02T12:10Z"),
        ("log", "list", "--job", "gone"),
    ):
        removed.done(*words)


def test_a_repeat_under_its_key_is_still_answered(desk: Desk) -> None:
    desk.done("job", "add", "gone", "a.ok", "--manual")
    started = desk.done("run", "start", "gone", "--key", "k-1").out
    remove = ("job", "remove", "gone", "--key", "k-2")
    first = desk.done(*remove)
    head = desk.head
    assert first == desk.done(*remove)
    assert started == desk.done("run", "start", "gone", "--key", "k-1").out
    assert head == desk.head
