"""The load under which servers are killed: jobs of every kind that fire each second or two, and a
client that never stops changing them.
"""

from datetime import timedelta
from threading import Event
from typing import get_args

from msgspec.structs import replace

from scheduler.executor.clock import SystemClock
from scheduler.model import commands as c
from scheduler.model.jobs import Definition, JobId, Missed, Retry, RunId
from scheduler.model.schedules import Cron, Interval, Schedule
from tests.crash.asker import Asker
from tests.crash.chance import Chance
from tests.crash.site import work
from tests.crash.waiting import let_pass

EACH_SECOND = Interval(timedelta(seconds=1))
EVEN_SECONDS = Cron(("*/2 * * * * *",), seconds=True)
AT_ONCE = timedelta(0)
QUICKLY = Retry(max_attempts=3, initial=timedelta(milliseconds=100), factor=1.0)
EXTRA_JOBS_MAX = 6
HALF = 0.5

JOBS = (
    Definition(name="quick", service="crash.plain", schedule=EACH_SECOND, overlap="allow"),
    Definition(
        name="awaited", service="crash.awaited", schedule=EACH_SECOND, input=work(seconds=0.4)
    ),
    Definition(
        name="apart",
        service="crash.apart",
        schedule=EVEN_SECONDS,
        isolation="process",
        input=work(seconds=0.5),
        misfire_grace=AT_ONCE,
    ),
    Definition(
        name="flaky",
        service="crash.plain",
        schedule=EACH_SECOND,
        overlap="allow",
        retry=QUICKLY,
        input=work(seconds=0.1, fails=1),
    ),
    Definition(
        name="failing",
        service="crash.awaited",
        schedule=EVEN_SECONDS,
        retry=QUICKLY,
        input=work(fails=9),
    ),
    Definition(
        name="held",
        service="crash.plain",
        schedule=EACH_SECOND,
        on_crash="hold",
        overlap="allow",
        input=work(seconds=0.2),
    ),
    Definition(
        name="ending",
        service="crash.plain",
        schedule=EACH_SECOND,
        on_crash="fail",
        input=work(seconds=0.3),
    ),
    Definition(
        name="all",
        service="crash.plain",
        schedule=EACH_SECOND,
        misfire_grace=AT_ONCE,
        catch_up="all",
        catch_up_limit=3,
        input=work(seconds=0.1),
    ),
    Definition(
        name="none",
        service="crash.plain",
        schedule=EACH_SECOND,
        misfire_grace=AT_ONCE,
        catch_up="none",
    ),
    Definition(
        name="stepped", service="crash.stepped", schedule=EVEN_SECONDS, input=work(seconds=0.1)
    ),
    Definition(
        name="stepped-awaited",
        service="crash.stepped-awaited",
        schedule=EVEN_SECONDS,
        input=work(seconds=0.2),
    ),
    Definition(
        name="stepped-apart",
        service="crash.stepped-apart",
        schedule=EVEN_SECONDS,
        isolation="process",
        input=work(seconds=0.1),
    ),
    Definition(name="bounded", service="crash.plain", schedule=EACH_SECOND, max_runs=7),
)
EXTRA = Definition(name="extra", service="crash.plain", schedule=EACH_SECOND, overlap="allow")


class Wanderer:
    """Asks for one change after the other, by the choices of a seed."""

    def __init__(
        self,
        asker: Asker,
        jobs: list[JobId],
        chance: Chance,
        *,
        pause_s: float = 0.05,
        missed: tuple[Missed, ...] = get_args(Missed),
    ) -> None:
        """Prepare; `pause_s` is the longest rest between wishes, `missed` what resuming may do."""
        self._asker = asker
        self._jobs = jobs
        self._chance = chance
        self._pause_s = pause_s
        self._missed = missed
        self._clock = SystemClock()
        self._extra: list[JobId] = []
        self._made = 0

    def wander(self, stop: Event) -> int:
        """Ask until `stop` is set; return how many wishes were asked."""
        asked = 0
        while not stop.is_set():
            self._asker.ask(self._wish())
            asked += 1
            let_pass(self._chance.between(0, self._pause_s))
        self._asker.close()
        return asked

    def _wish(self) -> c.AnyCommand:
        chance = self._chance
        job = chance.one_of([*self._jobs, *self._extra])
        match chance.one_of(("define", "trigger", "pause", "resume", "revise", "rename", "end")):
            case "define":
                return self._define()
            case "trigger":
                return c.TriggerJob(job=job, run=RunId(self._clock.new_id()))
            case "pause":
                return c.PauseJob(job=job)
            case "resume":
                return c.ResumeJob(job=job, missed=chance.one_of(self._missed))
            case "rename":
                self._made += 1
                return c.RenameJob(job=job, name=f"renamed-{self._made}")
            case "revise" if self._extra:
                schedule: Schedule = EACH_SECOND if chance.part() < HALF else EVEN_SECONDS
                revised = replace(EXTRA, schedule=schedule)
                return c.ReviseJob(job=chance.one_of(self._extra), definition=revised)
            case _ if len(self._extra) >= EXTRA_JOBS_MAX:
                return c.RemoveJob(job=self._extra.pop(0))
            case _:
                return self._define()

    def _define(self) -> c.AnyCommand:
        job = JobId(self._clock.new_id())
        self._extra.append(job)
        self._made += 1
        return c.DefineJob(job=job, definition=replace(EXTRA, name=f"extra-{self._made}"))
