"""What stands around a verb is judged before it: a wrong zone does nothing and prints nothing."""

import pytest

from tests.tools.cli.desk import Desk


@pytest.fixture
def held(desk: Desk) -> Desk:
    """Return a desk with one job that fires every 10 minutes."""
    desk.done("job", "add", "held", "a.ok", "--every", "10m")
    (desk.folder / "jobs.toml").write_text('[jobs.one]\nservice = "a.ok"\nschedule = "@daily"\n')
    return desk


@pytest.mark.parametrize(
    "words",
    [
        ("job", "skip-next", "held"),
        ("job", "pause", "held"),
        ("job", "resume", "held"),
        ("job", "rename", "held", "freed"),
        ("job", "remove", "held"),
        ("job", "edit", "held", "--timeout", "5m"),
        ("run", "start", "held"),
        ("apply", "jobs.toml"),
        ("db", "backup", "copy.db"),
        ("doctor",),
        ("next",),
        ("missed",),
        ("run", "list"),
    ],
    ids=" ".join,
)
def test_a_wrong_zone_is_refused_before_anything_is_stored_or_printed(
    held: Desk, words: tuple[str, ...]
) -> None:
    head = held.head
    printed = held("--tz", "Nope/Zone", *words)
    assert (2, "") == (printed.code, printed.out)
    assert printed.err.startswith("--tz: ")
    assert head == held.head
    assert not (held.folder / "copy.db").exists()


@pytest.mark.parametrize(
    "words",
    [
        ("run", "retry", "--failed"),
        ("run", "replay", "--failed"),
        ("run", "resolve", "--held", "--as", "failed"),
        ("run", "list"),
        ("missed",),
    ],
    ids=" ".join,
)
def test_swapped_bounds_are_refused(held: Desk, words: tuple[str, ...]) -> None:
    late, early = "2026-03-02T15:00", "2026-03-02T14:00"
    printed = held(*words, "--since", late, "--until", early)
    assert (2, "") == (printed.code, printed.out)
    assert "--until: lies before --since.\n" == printed.err
    held.done(*words, "--since", early, "--until", early)
