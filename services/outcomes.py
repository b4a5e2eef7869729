"""What a service may raise to say more than "this went wrong".

Any other exception is an error that the job's retry policy deals with. These two are for users, so
they are plain exceptions that know nothing of runs.
"""

from datetime import timedelta

from scheduler.model.limits import DURATION_MAX


class Fatal(Exception):
    """Trying again cannot help: the run fails now, whatever the job's retry policy says."""


class RetryAfter(Exception):
    """Try again after `delay`, in place of the policy's own delay; it grants no further attempt.

    Raises: ValueError, when the delay is negative or longer than a hundred years.
    """

    def __init__(self, delay: timedelta, message: str = "") -> None:
        if not timedelta(0) <= delay <= DURATION_MAX:
            raise ValueError(f"RetryAfter: the delay must lie in 0 to 100 years, not {delay}")
        super().__init__(message or f"asked to be tried again after {delay}")
        self.delay = delay
