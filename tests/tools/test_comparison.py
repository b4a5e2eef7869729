"""What a change adds, removes and moves."""

from tests.facts import at
from tools.comparison import Change, Comparison, Move, compare
from tools.simulation import Disposition, Simulated


def of(*texts: str) -> Simulated:
    """Return what became of fire times: "10:05" ran, "10:10 overlap" was skipped."""
    found = []
    for text in texts:
        when, _, reason = text.partition(" ")
        kind = "skip" if reason else "run"
        found.append(Disposition(at(when), "job", kind, reason or None, at(when), None))  # type: ignore[arg-type]  # each of them is one
    return Simulated(found, 0, 1)


def test_nothing_differs_between_equals() -> None:
    assert Comparison([], [], []) == compare(of("10:00", "10:05"), of("10:00", "10:05"))


def test_a_fire_time_that_is_new_is_added_and_one_that_is_none_any_more_removed() -> None:
    assert Comparison([Change(at("10:05"), None)], [], []) == compare(
        of("10:00", "10:10"), of("10:00", "10:05", "10:10")
    )
    assert Comparison([], [Change(at("10:05"), None)], []) == compare(
        of("10:00", "10:05", "10:10"), of("10:00", "10:10")
    )


def test_a_run_that_comes_at_another_time_has_moved() -> None:
    before, after = of("09:00", "18:00"), of("10:00", "18:00")
    assert Comparison([], [], [Move(at("09:00"), at("10:00"))]) == compare(before, after)
    assert Comparison([], [], [Move(at("10:00"), at("09:00"))]) == compare(after, before)


def test_a_run_does_not_move_past_one_that_stays() -> None:
    assert Comparison([Change(at("11:00"), None)], [Change(at("09:00"), None)], []) == compare(
        of("09:00", "10:00"), of("10:00", "11:00")
    )


def test_what_a_policy_decides_otherwise_is_told_with_the_reason() -> None:
    before, after = of("10:00", "10:05 overlap"), of("10:00", "10:05")
    assert Comparison([Change(at("10:05"), "overlap")], [], []) == compare(before, after)
    assert Comparison([], [Change(at("10:05"), "overlap")], []) == compare(after, before)
