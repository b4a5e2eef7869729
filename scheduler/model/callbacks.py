"""How a callback is named: `job:NAME` for a job, `service:NAME` for a service without one.

What it does is `rules.callbacks`'. A name is taken as it stands behind the first colon, so a job
whose own name holds a colon can be called, too.
"""

JOB = "job:"
SERVICE = "service:"


def job_called_by(callback: str | None) -> str | None:
    """Return the name of the job that a callback runs, None when it runs none."""
    return callback.removeprefix(JOB) if callback and callback.startswith(JOB) else None


def service_called_by(callback: str | None) -> str | None:
    """Return the name of the service that a callback calls itself, None when it runs a job."""
    return callback.removeprefix(SERVICE) if callback and callback.startswith(SERVICE) else None
