"""The power is cut at each single call to the disk: of a command that makes a log and adds to it,
and of one that adds to a log that is there.
"""

from pathlib import Path

import pytest

from scheduler.model.errors import HorologError
from tests.power.machine import Machine

pytestmark = pytest.mark.power

FATES_PER_CALL = 3


def test_a_log_that_is_being_made_is_whole_or_is_told_to_be_none(
    tmp_path: Path, library: Path
) -> None:
    machine = Machine(tmp_path / "new", library, is_new=True)
    done = machine.ask()
    assert 0 == done.returncode, done.stderr
    created, acknowledged = (len(machine.tape(int(line))) for line in done.stdout.split())
    tape = machine.tape()
    seen = set()
    for end in range(len(tape) + 1):
        for fate in range(FATES_PER_CALL):
            machine.cut(tape[:end], fate)
            found = look(machine)
            assert found != "none" or end < created, f"call {end}, fate {fate}"
            assert found == "with its job" or end < acknowledged, f"call {end}, fate {fate}"
            seen.add(found)
    assert {"none", "empty", "with its job"} == seen


def look(machine: Machine) -> str:
    """Return what is found; what is half-made is told to be no log, or a damaged one."""
    try:
        return "with its job" if machine.has_job() else "empty"
    except HorologError:
        return "none"


def test_a_log_verifies_wherever_a_command_is_cut_off_that_adds_to_it(
    tmp_path: Path, library: Path
) -> None:
    machine = Machine(tmp_path / "log", library)
    done = machine.ask()
    assert 0 == done.returncode, done.stderr
    acknowledged = len(machine.tape(int(done.stdout)))
    tape = machine.tape()
    seen = set()
    for end in range(len(tape) + 1):
        for fate in range(FATES_PER_CALL):
            machine.cut(tape[:end], fate)
            has_job = machine.has_job()
            assert has_job or end < acknowledged, f"call {end}, fate {fate}"
            seen.add(has_job)
    assert {False, True} == seen
