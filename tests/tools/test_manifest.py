"""How large a file of declared jobs may be, and how much is told of one that is wrong."""

from datetime import UTC, datetime

import pytest

from scheduler.model.errors import BadInput
from scheduler.model.limits import MANIFEST_BYTES_MAX, PROBLEMS_TOLD_MAX
from tools.manifest import Manifest, read_manifest

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def read(text: str) -> Manifest:
    return read_manifest(text.encode(), source="crm.toml", now=NOON, timezone="UTC")


def told(text: str) -> list[str]:
    with pytest.raises(BadInput) as refused:
        read(text)
    return [f"{problem.path}: {problem.message}" for problem in refused.value.problems]


def declared(count: int, schedule: str = "{ kind = 'none' }") -> str:
    return "".join(
        f"[jobs.j{number}]\nservice = 'a.ok'\nschedule = {schedule}\n" for number in range(count)
    )


def test_a_file_that_is_too_large_is_not_read() -> None:
    room = MANIFEST_BYTES_MAX - len(declared(1))
    assert 1 == len(read(declared(1) + "#".ljust(room)).jobs)
    assert ["crm.toml: is larger than 67,108,864 bytes."] == told(declared(1) + "#".ljust(room + 1))


def test_a_file_of_too_many_jobs_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tools.manifest.MANIFEST_JOBS_MAX", 2)
    assert 2 == len(read(declared(2)).jobs)
    assert ["crm.toml: jobs: has 3; at most 2."] == told(declared(3))


def test_of_very_many_problems_the_first_are_told() -> None:
    problems = told(declared(PROBLEMS_TOLD_MAX + 1, schedule="5"))
    assert PROBLEMS_TOLD_MAX == len(problems)
    assert problems[0].startswith("crm.toml: jobs.j0.schedule")
