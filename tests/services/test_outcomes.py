from datetime import timedelta

import pytest

from services.outcomes import RetryAfter


def test_retry_after_keeps_its_delay() -> None:
    assert timedelta(minutes=5) == RetryAfter(timedelta(minutes=5)).delay


def test_retry_after_says_what_it_wants_when_it_is_given_no_message() -> None:
    assert "asked to be tried again after 0:05:00" == str(RetryAfter(timedelta(minutes=5)))
    assert "busy" == str(RetryAfter(timedelta(minutes=5), "busy"))


@pytest.mark.parametrize("delay", [timedelta(seconds=-1), timedelta(days=40_000)])
def test_retry_after_refuses_a_delay_no_one_can_wait_for(delay: timedelta) -> None:
    with pytest.raises(ValueError, match="must lie in 0 to 100 years"):
        RetryAfter(delay)
