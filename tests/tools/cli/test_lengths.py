"""Lengths of time as people say them."""

from datetime import timedelta

import pytest

from tools.cli.lengths import spoken


@pytest.mark.parametrize(
    ("length", "words"),
    [
        (timedelta(0), "0 s"),
        (timedelta(microseconds=900), "0 s"),
        (timedelta(milliseconds=824), "824 ms"),
        (timedelta(seconds=59.9), "59 s"),
        (timedelta(seconds=90), "1 min 30 s"),
        (timedelta(hours=1), "1 h"),
        (timedelta(hours=1, seconds=59), "1 h"),
        (timedelta(days=2, hours=3, minutes=4), "2 d 3 h"),
        (-timedelta(minutes=5), "-5 min"),
    ],
)
def test_a_length_is_said_in_its_two_largest_units(length: timedelta, words: str) -> None:
    assert words == spoken(length)
