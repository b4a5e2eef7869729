"""The one command that runs every gate."""

import sys

import pytest

from tools.dev import check


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a step that fails before the tests, so that going on is seen."""
    failing = [sys.executable, "-c", "print('why it failed'); raise SystemExit(3)"]
    passing = [sys.executable, "-c", "print('nobody reads this')"]
    monkeypatch.setattr(check, "STEPS", {"lint": failing, "types": passing, "tests": passing})


@pytest.mark.usefixtures("steps")
def test_all_steps_run_even_when_one_fails(capsys: pytest.CaptureFixture[str]) -> None:
    assert 1 == check.main([])
    lines = capsys.readouterr().out.splitlines()
    assert ["FAILED lint", "why it failed", "ok     types", "ok     tests"] == [
        line[:13].rstrip() for line in lines if line
    ]


@pytest.mark.usefixtures("steps")
def test_fast_leaves_the_tests_out(capsys: pytest.CaptureFixture[str]) -> None:
    check.main(["--fast"])
    assert "tests" not in capsys.readouterr().out


def test_all_steps_passing_is_exit_code_0(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "STEPS", {"lint": [sys.executable, "-c", ""]})
    assert 0 == check.main([])
