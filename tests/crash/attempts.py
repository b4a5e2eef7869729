"""Whether each run went the way its policies say, and what was carried out is what was decided.

Told from the events of each run and from the ledger alone, without the rules that made them.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime

from scheduler.log.contract import Recorded
from scheduler.model import events as e
from scheduler.model.jobs import LIVE_CAUSES, Definition, JobId, run_id
from scheduler.model.limits import CRASHES_MAX
from scheduler.model.streams import call_stream, fire_stream
from tests.crash.ledger import Alive, AnyLine, Called, Ended

AttemptEnd = e.RunSucceeded | e.AttemptFailed | e.AttemptInterrupted
RunEnd = e.RunSucceeded | e.RunFailed | e.RunExpired | e.RunCancelled
Key = tuple[str, int]  # run and attempt


class Run:
    """One run as the log tells it, event by event."""

    def __init__(self, one: Recorded, planned: e.RunPlanned, definition: Definition) -> None:
        self.planned = planned
        self.definition = definition
        self.events: list[e.RunEvent] = [planned]
        self.is_over = False
        self.is_held = False
        self.is_cancelled = False
        self.open: e.AttemptStarted | None = None
        self.attempts = 0
        self.start_at = planned.due_time
        self.faults: list[str] = []
        self._stream = one.stream
        self._check_name()

    def _check_name(self) -> None:
        planned = self.planned
        if planned.fire_time is None:
            expected = call_stream(planned.run)
        else:
            expected = fire_stream(planned.fire_time, planned.job)
            if planned.run != run_id(planned.job, planned.fire_time, planned.number):
                self.fault("does not bear the name that follows from its occurrence")
        if self._stream != expected:
            self.fault(f"stands in stream {self._stream}")

    def fault(self, what: str) -> None:
        self.faults.append(f"run {self.planned.run} {what}")

    def take(self, one: Recorded, event: e.RunEvent, epoch: int) -> None:
        """Follow the next event of the run, recorded while `epoch` was in force."""
        if one.stream != self._stream:
            self.fault(f"goes on in stream {one.stream}")
        if self.is_over and not isinstance(event, e.RunReopened | e.LateOutcomeIgnored):
            self.fault(f"had ended when {tag(event)} came")
        self.events.append(event)
        match event:
            case e.AttemptStarted():
                self._start(one.recorded_at, event, epoch)
            case e.RunSucceeded() | e.AttemptFailed() | e.AttemptInterrupted():
                self._end_attempt(event, epoch)
            case e.CancelRequested():
                self.is_cancelled = True
            case e.RunHeld():
                self.is_held = True
            case e.RunResolved(verdict=verdict):
                self.is_held = False
                self.is_over = verdict != "retry"
            case e.RunReopened(retry_at=at):
                self.is_over = self.is_cancelled = False
                self.start_at = at
            case _:
                pass
        if isinstance(event, RunEnd):
            self.is_over = True
            self.is_held = False

    def _start(self, at: datetime, event: e.AttemptStarted, epoch: int) -> None:
        if self.open is not None:
            self.fault(f"begins attempt {event.attempt} while {self.open.attempt} is open")
        if event.attempt != self.attempts + 1:
            self.fault(f"begins attempt {event.attempt} after {self.attempts}")
        if event.epoch != epoch:
            self.fault(f"begins attempt {event.attempt} under epoch {event.epoch}, not {epoch}")
        if at < self.start_at:
            self.fault(f"begins attempt {event.attempt} at {at}, before {self.start_at}")
        if self.is_held or self.is_cancelled:
            self.fault(f"begins attempt {event.attempt} although it is held or to be cancelled")
        self.attempts = event.attempt
        self.open = event

    def _end_attempt(self, event: AttemptEnd, epoch: int) -> None:
        started = self.open
        if started is None or started.attempt != event.attempt:
            self.fault(f"ends attempt {event.attempt}, which is not open")
            return
        is_crash = isinstance(event, e.AttemptInterrupted) and event.reason == "crash"
        if is_crash != (started.epoch < epoch):
            self.fault(f"ends attempt {event.attempt} of epoch {started.epoch} in epoch {epoch}")
        self.open = None
        if not isinstance(event, e.RunSucceeded) and event.retry_at is not None:
            self.start_at = event.retry_at

    def check(self, *, is_drained: bool) -> Iterator[str]:
        """Yield what is wrong with the whole of it."""
        yield from self.faults
        name = f"run {self.planned.run} ({self.definition.name})"
        if is_drained and not (self.is_over or self.is_held):
            yield f"{name} is open for ever: {tags(self.events)}"
        failures = crashes = 0
        is_cancelled = False
        for place, event in enumerate(self.events):
            rest = self.events[place + 1 :]
            is_cancelled = is_cancelled or isinstance(event, e.CancelRequested)
            if isinstance(event, e.AttemptInterrupted):
                crashes += event.reason == "crash"
                if not self._settles(event, rest, crashes, is_cancelled=is_cancelled):
                    yield f"{name} does not settle {event} by its policy: {tags(rest)}"
            elif isinstance(event, e.AttemptFailed) and event.kind == "error":
                failures += 1
                if not self._retries(event, rest, failures, is_cancelled=is_cancelled):
                    yield f"{name} does not follow {event} by its policy: {tags(rest)}"
            elif isinstance(event, e.RunReopened):
                failures = crashes = 0
                is_cancelled = False

    def _settles(
        self,
        event: e.AttemptInterrupted,
        rest: Sequence[e.RunEvent],
        crashes: int,
        *,
        is_cancelled: bool,
    ) -> bool:
        """Return whether an interrupted attempt is followed by what the policy wants."""
        following = rest[0] if rest else None
        if isinstance(following, e.RunHeld) and "still runs" in following.reason:
            return event.reason == "crash"
        if is_cancelled:
            return isinstance(following, e.RunCancelled)
        policy = self.definition.on_crash
        if policy == "hold":
            return isinstance(following, e.RunHeld)
        if event.reason == "stop":
            return event.retry_at is not None
        if policy == "fail":
            return isinstance(following, e.RunFailed) and following.kind == "crash"
        if crashes >= CRASHES_MAX:
            return isinstance(following, e.RunFailed) and following.kind == "crash-loop"
        return event.retry_at is not None and not isinstance(following, RunEnd | e.RunHeld)

    def _retries(
        self,
        event: e.AttemptFailed,
        rest: Sequence[e.RunEvent],
        failures: int,
        *,
        is_cancelled: bool,
    ) -> bool:
        """Return whether a failed attempt is followed by a retry or the end, as it must be."""
        following = rest[0] if rest else None
        if is_cancelled:
            return isinstance(following, e.RunCancelled)
        if failures < self.definition.retry.max_attempts:
            return event.retry_at is not None and not isinstance(following, e.RunFailed)
        return isinstance(following, e.RunFailed) and following.kind == event.kind


def tag(event: e.AnyEvent) -> str:
    return str(type(event).__struct_config__.tag)


def tags(events: Sequence[e.AnyEvent]) -> str:
    return ", ".join(map(tag, events))


class Story:
    """All runs of a log, and the epochs they were carried out in."""

    def __init__(self, recorded: Sequence[Recorded]) -> None:
        self.runs: dict[str, Run] = {}
        self.starts: dict[Key, e.AttemptStarted] = {}
        self.pids: dict[int, int] = {}  # of each epoch's process
        self.faults: list[str] = []
        self._epoch = 0
        self._definitions: dict[tuple[JobId, int], Definition] = {}
        self._current: dict[JobId, Definition] = {}
        self._runs_of: defaultdict[JobId, list[Run]] = defaultdict(list)
        for one in recorded:
            self._take(one)

    def _take(self, one: Recorded) -> None:
        match one.event:
            case e.SystemStarted(epoch=epoch, pid=pid):
                if epoch != self._epoch + 1:
                    self.faults.append(f"epoch {epoch} follows {self._epoch}")
                self._epoch = epoch
                self.pids[epoch] = pid
            case e.JobDefined(job=job, definition=definition):
                self._definitions[job, 1] = self._current[job] = definition
            case e.JobRevised(job=job, definition=definition, revision=revision):
                self._definitions[job, revision] = self._current[job] = definition
            case e.RunPlanned() as planned:
                self._plan(one, planned)
            case event if isinstance(event, e.RunEvent):
                if isinstance(event, e.AttemptStarted):
                    self._start(event)
                self.runs[event.run].take(one, event, self._epoch)
            case _:
                return

    def _plan(self, one: Recorded, planned: e.RunPlanned) -> None:
        if planned.run in self.runs:
            self.faults.append(f"run {planned.run} was planned twice")
            return
        definition = self._definitions[planned.job, planned.revision]
        others = self._others(planned)
        if others and not any(one.in_line for one in [planned, *(run.planned for run in others)]):
            self.faults.append(f"run {planned.run} was planned while another is open")
        self.runs[planned.run] = run = Run(one, planned, definition)
        self._runs_of[planned.job].append(run)

    def _start(self, event: e.AttemptStarted) -> None:
        self.starts[event.run, event.attempt] = event
        if event.attempt == 1 and any(
            run.attempts for run in self._others(self.runs[event.run].planned)
        ):
            self.faults.append(f"run {event.run} was started while another is at work")

    def _others(self, planned: e.RunPlanned) -> list[Run]:
        """Return the other open runs of the job, when they must not overlap: live ones alone."""
        if self._current[planned.job].overlap != "skip" or planned.cause not in LIVE_CAUSES:
            return []
        return [
            run
            for run in self._runs_of[planned.job]
            if run.planned.cause in LIVE_CAUSES
            and run.planned.run != planned.run
            and not (run.is_over or run.is_held)
        ]


def attempt_faults(
    recorded: Sequence[Recorded], lines: Sequence[AnyLine], *, is_drained: bool
) -> list[str]:
    """Return a sentence for each run that went wrong, and each call that was not decided so.

    `is_drained`: a server has had time since the last crash, so no run may be open.
    """
    story = Story(recorded)
    settled = [fault for run in story.runs.values() for fault in run.check(is_drained=is_drained)]
    return [*story.faults, *settled, *call_faults(story, lines)]


def call_faults(story: Story, lines: Sequence[AnyLine]) -> Iterator[str]:
    """Yield what the ledger has and the log does not allow, or the other way round."""
    called: dict[Key, Called] = {}
    succeeded: set[Key] = set()
    last_sign_ns: dict[Key, int] = defaultdict(int)
    for line in lines:
        if not isinstance(line, Called | Alive | Ended):
            continue
        key = (line.run, line.attempt)
        last_sign_ns[key] = max(last_sign_ns[key], line.monotonic_ns)
        if isinstance(line, Called):
            if key in called:
                yield f"attempt {key} was called twice"
            called[key] = line
        elif isinstance(line, Ended) and line.succeeded:
            succeeded.add(key)
    for key, line in called.items():
        start = story.starts.get(key)
        if start is None:
            yield f"attempt {key} was called, and the log has no start of it"
        elif line.is_owner and line.pid != story.pids[start.epoch]:
            yield f"attempt {key} of epoch {start.epoch} was called by process {line.pid}"
        if line.at_ns < line.due_ns:
            yield f"attempt {key} was called before it was due"
        before = last_sign_ns.get((line.run, line.attempt - 1), 0)
        if line.monotonic_ns <= before:
            yield f"attempt {key} was called while the one before was still at work"
    for run in story.runs.values():
        for event in run.events:
            if isinstance(event, e.RunSucceeded) and (event.run, event.attempt) not in succeeded:
                yield f"run {event.run} has succeeded in the log, and not really"
