"""A mistyped word finds the one that was meant, and nothing when none is near."""

from scheduler.model.nearness import nearest


def test_a_slip_of_the_hand_finds_its_word() -> None:
    assert "timeout" == nearest("timout", ["timeout", "retry"])


def test_case_and_dashes_do_not_matter() -> None:
    assert "catch_up" == nearest("Catch-Up", ["catch_up", "overlap"])


def test_a_word_that_resembles_none_finds_none() -> None:
    assert None is nearest("zzzz", ["timeout", "retry"])


def test_an_endless_word_is_looked_at_in_bounded_time() -> None:
    assert None is nearest("x" * 10_000_000, ["timeout"])
