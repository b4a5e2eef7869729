"""How callbacks are named."""

import pytest

from scheduler.model.callbacks import job_called_by, service_called_by


@pytest.mark.parametrize(
    ("callback", "job", "service"),
    [
        ("job:report", "report", None),
        ("job:job:x", "job:x", None),
        ("service:api.alert", None, "api.alert"),
        ("report", None, None),
        ("", None, None),
        (None, None, None),
    ],
)
def test_a_callback_names_a_job_or_a_service(
    callback: str | None, job: str | None, service: str | None
) -> None:
    assert (job, service) == (job_called_by(callback), service_called_by(callback))
