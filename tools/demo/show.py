"""The demo from its first line to its last: what it needs, what it leaves, how it ends.

Whatever happens, the servers end, the scheduler ends and the folder goes, in this order; a signal
to end is taken like Ctrl-C.
"""

import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from types import FrameType

from scheduler.executor.clock import Clock
from scheduler.log.sqlite import SqliteLog
from tools.demo import screen
from tools.demo.chronicle import Chronicle
from tools.demo.place import KEY, Place
from tools.demo.servers import FarEnds, Mail, RedisServer, Web, redis_program
from tools.demo.story import Story
from tools.demo.summary import question, summary

SUMMARY_TAKES = timedelta(seconds=2)  # stopping, asking why, verifying, folding the views anew
ENDINGS = (signal.SIGTERM, signal.SIGHUP)


def show(length: timedelta, clock: Clock, *, keep: bool) -> int:
    """Show the demo for about `length`; return 0 when all that its summary says is true, else 1."""
    redis_program()  # a clear error before anything starts
    began_ns, until = clock.monotonic_ns(), clock.now() + length - SUMMARY_TAKES
    with ending(), ExitStack() as held:
        folder = Path(tempfile.mkdtemp(prefix="horolog-demo-"))
        if not keep:
            held.callback(shutil.rmtree, folder, ignore_errors=True)
        ends = FarEnds(
            held.enter_context(Web()),
            held.enter_context(Mail()),
            held.enter_context(RedisServer()),
        )
        place = Place(folder, ends, clock)
        held.callback(place.stop)
        log = SqliteLog.open(place.db)
        held.callback(log.close)
        screen.say(
            f"Horolog demo · real HTTP, Redis and SMTP servers, free ports · log {place.db.name}"
        )
        story = Story(place, ends, Chronicle(log))
        story.begin()
        decided_until = story.go_on(until)
        asked = question(story)
        screen.say(f" horolog {' '.join(asked)}", indent="   ")
        for line in place.ask(*asked, "--tz", "UTC").splitlines()[:1]:
            screen.say(f"   {line}", indent="   ")
        found = summary(story, decided_until, ends.redis.text(KEY))
        for line in found.lines:
            screen.say(f" {line}", indent="   ")
        for problem in found.problems:
            screen.say(f" NOT TRUE: {problem}", indent="   ")
        took = story.since(began_ns).total_seconds()
        if keep:
            screen.say(f" look around (next, run list): cd {folder}")
        screen.say(f"{'FAIL' if found.problems else 'PASS'} in {took:.1f} s")
    return 1 if found.problems else 0


@contextmanager
def ending() -> Iterator[None]:
    """Take a signal to end like Ctrl-C, so that everything ends in order."""

    def caught(_: int, __: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, caught) for number in ENDINGS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
