"""The interpreter's pace: what a server sets, seen in a process that no other test shares."""

import subprocess
import sys
from pathlib import Path

from scheduler.model.limits import GARBAGE_LOOK_AFTER, GARBAGE_LOOKS_YOUNG, SHARED_SWITCH

ROOT = Path(__file__).resolve().parents[2]
ASKED = """
import gc, sys
from tools.pace import keep_what_is_here, set_pace
set_pace()
keep_what_is_here()
print(sys.getswitchinterval(), gc.get_threshold()[:2], gc.isenabled(), gc.get_freeze_count() > 0)
"""


def test_a_server_changes_threads_often_and_looks_for_garbage_seldom_but_looks() -> None:
    told = subprocess.run(
        [sys.executable, "-c", ASKED], cwd=ROOT, capture_output=True, text=True, check=True
    )
    looks = (GARBAGE_LOOK_AFTER, GARBAGE_LOOKS_YOUNG)
    assert f"{SHARED_SWITCH.total_seconds()} {looks} True True\n" == told.stdout
