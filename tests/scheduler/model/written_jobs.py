"""A job as people write it: with the least that may be said, and with every field."""

from datetime import UTC, datetime

from scheduler.model.jobs import Definition
from scheduler.model.plain import read_definition

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)
LEAST = {"name": "report", "service": "api.sync", "schedule": {"cron": "0 9 * * *"}}
FULL = {
    **LEAST,
    "start_at": "2026-07-01T14:00",
    "end_at": "2026-08-01T12:00Z",
    "max_runs": 3,
    "jitter": "20s",
    "exclude": ["2026-12-24..2026-12-26", "2027-01-01"],
    "input": {"day": "monday"},
    "misfire_grace": "90s",
    "catch_up": "all",
    "catch_up_window": "2d",
    "catch_up_limit": 7,
    "overlap": "queue",
    "queue_limit": 4,
    "cancel_grace": "2s",
    "timeout": "PT5M",
    "retry": {
        "max_attempts": 3,
        "initial": "1s",
        "factor": 1.5,
        "max_delay": "1m",
        "give_up_after": "1h",
    },
    "start_deadline": "1h",
    "on_crash": "hold",
    "pause_after_failures": 5,
    "concurrency_key": "the database",
    "isolation": "process",
    "private": False,
    "on_success": "job:the next one",
    "on_failure": "service:api.alert",
    "labels": {"team": "sales"},
    "description": "the report",
    "owner": "ben",
    "runbook": "see the wiki",
}


def read(plain: object) -> Definition:
    definition, _ = read_definition(plain, now=NOW, timezone="Europe/Warsaw")
    return definition
