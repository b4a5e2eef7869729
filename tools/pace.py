"""The interpreter's pace in a process that serves: threads change often, garbage is seldom sought.

Deciding, writing and calling hand one run to each other within microseconds, and each waits for its
turn of the interpreter: a thread that reckons beside them (the views, a service) gives it up after
one interval, and no earlier. Garbage: almost nothing made here is in a circle, and most of it lives
until its job or its page is done, so looking for it over and over takes a fifth of a busy server.

Only a process of our own is paced so: who embeds the scheduler keeps their own pace.
"""

import gc
import sys

from scheduler.model.limits import GARBAGE_LOOK_AFTER, GARBAGE_LOOKS_YOUNG, SHARED_SWITCH


def set_pace() -> None:
    """Have threads change often, and garbage be looked for after many new objects only."""
    sys.setswitchinterval(SHARED_SWITCH.total_seconds())
    gc.set_threshold(GARBAGE_LOOK_AFTER, GARBAGE_LOOKS_YOUNG)


def keep_what_is_here() -> None:
    """Leave what there is out of every later look for garbage: it stays until the end."""
    gc.freeze()
