"""What the demo has read in the log so far: the runs, the skips, the starts of the scheduler.

It is folded from the log as anyone may read it, beside the process that writes it. Two threads ask
it: the one that tells the story, and the mail server's, which must know how far a run has come.
"""

import threading
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime

from scheduler.log.contract import Log, Recorded
from scheduler.model import events as e
from scheduler.model.jobs import Definition, JobId, RunId
from scheduler.model.limits import DEMO_FIRES_MAX
from tools.demo.place import ONCE


@dataclass(slots=True)
class Job:
    """A job as it was defined, and where its schedule began."""

    id: JobId
    definition: Definition
    cursor: datetime
    is_exhausted: bool = False

    @property
    def name(self) -> str:
        """Its name."""
        return self.definition.name


@dataclass(slots=True)
class Run:
    """A run as far as it has come."""

    job: Job
    id: RunId
    number: int  # of the job's runs, from 1
    fire_time: datetime
    attempt: int = 0
    steps: dict[str, int] = field(default_factory=dict)  # by name: the attempt that did it
    interruptions: int = 0
    failures: int = 0
    ended: str = ""  # the type of the event that ended it

    @property
    def title(self) -> str:
        """What the screen calls it."""
        return self.job.name if self.job.name == ONCE else f"{self.job.name} {self.number}"

    @property
    def is_between(self) -> bool:
        """Whether its data is stored and its mail is not yet done."""
        return "store" in self.steps and "mail" not in self.steps and not self.ended


class Chronicle:
    """The fold of a log that is being written."""

    def __init__(self, log: Log) -> None:
        self.log = log
        self.jobs: dict[JobId, Job] = {}
        self.runs: dict[RunId, Run] = {}
        self.skips: list[e.FiresSkipped] = []
        self.starts: list[Recorded] = []  # of the scheduler
        self.position = 0
        self._untold: deque[Recorded] = deque()
        self._lock = threading.Lock()

    def look(self) -> None:
        """Read what is new in the log."""
        with self._lock:
            for recorded in self.log.follow(self.position):
                self.position = recorded.position
                self._fold(recorded)
                if not self._is_of_another_run(recorded.event):
                    self._untold.append(recorded)

    def untold(self) -> list[Recorded]:
        """Return the events that were read since the last call."""
        with self._lock:
            told = list(self._untold)
            self._untold.clear()
            return told

    def named(self, name: str) -> Job:
        """Return a job by its name."""
        return next(job for job in self.jobs.values() if job.name == name)

    def runs_of(self, name: str) -> list[Run]:
        """Return the runs of a job, the oldest first."""
        return [run for run in list(self.runs.values()) if run.job.name == name]

    def open_runs(self) -> list[Run]:
        """Return the runs that have not ended."""
        return [run for run in list(self.runs.values()) if not run.ended]

    def _is_of_another_run(self, event: e.AnyEvent) -> bool:
        """Return whether an event is of a run that was not taken in: DEMO_FIRES_MAX had come."""
        return isinstance(event, e.RunEvent) and event.run not in self.runs

    def _fold(self, recorded: Recorded) -> None:
        match recorded.event:
            case e.JobDefined(job=job, definition=definition, cursor=cursor):
                self.jobs[job] = Job(job, definition, cursor)
            case e.JobExhausted(job=job):
                self.jobs[job].is_exhausted = True
            case e.FiresSkipped() as skip:
                self.skips.append(skip)
            case e.SystemStarted():
                self.starts.append(recorded)
            case e.RunPlanned(run=run, job=job, fire_time=datetime() as fire_time):
                if len(self.runs) < DEMO_FIRES_MAX:
                    of = self.jobs[job]
                    number = len(self.runs_of(of.name)) + 1
                    self.runs[run] = Run(of, run, number, fire_time)
            case event if self._is_of_another_run(event):
                return
            case e.AttemptStarted(run=run, attempt=attempt):
                self.runs[run].attempt = attempt
            case e.StepCompleted(run=run, attempt=attempt, name=name):
                self.runs[run].steps[name] = attempt
            case e.AttemptInterrupted(run=run):
                self.runs[run].interruptions += 1
            case e.AttemptFailed(run=run):
                self.runs[run].failures += 1
            case e.RunSucceeded(run=run) | e.RunFailed(run=run) | e.RunExpired(run=run):
                self.runs[run].ended = str(recorded.event.__struct_config__.tag)
            case _:
                return
