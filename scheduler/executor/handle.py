"""The one write path: look at the fold, decide, fold what was decided, append it.

The fold already holds the events that still wait for the disk, so a rule over several streams
(names, overlap, slots) sees every earlier decision; nothing that an event allows happens before
`on_committed` names it. Each request carries the position it must land behind, so when one fails,
every later one that was decided on its fold fails too, and the fold is thrown away and read again.
One thread calls this: the executor's, or that of a single command.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from datetime import datetime
from typing import NamedTuple

from msgspec.structs import replace

from scheduler.executor.clock import Clock
from scheduler.executor.command_digest import digest_of_command
from scheduler.executor.replay import is_rerun, last_run, read_stream, replay
from scheduler.executor.timings import APPEND_BOUNDS_S, Timings
from scheduler.log.admit import whose
from scheduler.log.contract import Appended, Log, Meta, Request, Write
from scheduler.model import commands as c
from scheduler.model import events as e
from scheduler.model.content import Contents
from scheduler.model.errors import Conflict, KeyReused
from scheduler.model.jobs import JobId
from scheduler.model.limits import EVENTS_PER_APPEND_MAX
from scheduler.model.streams import call_stream, fire_stream, job_stream
from scheduler.rules.decide import Known, decide, no_code
from scheduler.rules.facts import Fact
from scheduler.rules.run_state import ENDED, RunState
from scheduler.rules.timetable import Timetable

ABOUT_A_RUN = c.CancelRun | c.RetryRun | c.ResolveRun | c.ReplayRun


class Answer(NamedTuple):
    """What became of a wish: its facts and where they stand; none when nothing changed."""

    first: int | None = None
    last: int | None = None
    facts: tuple[Fact, ...] = ()
    repeated: bool = False


Asker = tuple[str, str | None]  # whose a key is: the actor, and the digest of the command
Committed = Callable[[Sequence[Fact]], None]  # called on the writer's thread, in order
Failed = Callable[[BaseException], None]


class Handle:
    """The fold of a log, and the only way to add to it."""

    def __init__(
        self,
        log: Log,
        clock: Clock,
        *,
        restore: Callable[[], Timetable | None] = lambda: None,
        code: Callable[[str], str | None] = no_code,
    ) -> None:
        """Fold the log: from the timetable that `restore` brings on, else all of it."""
        self.log = log
        self.clock = clock
        self._restore = restore
        self.timetable = restore() or Timetable()
        self.on_committed: Committed = _ignore
        self.on_failed: Failed = _ignore
        self.on_flushed: Callable[[range], None] = _ignore  # by which requests, counted as `sent`
        self._known = Known(
            self._is_taken, code, self._has_content, self._last_run, self._job_events
        )
        self.refolds = 0
        self.sent = 0  # requests so far; each is settled once, in order
        self.appends = Timings(APPEND_BOUNDS_S)  # from sending a request until it is durable
        self._pending = _Gathered()
        self._unsettled: deque[Sequence[Fact]] = deque()  # of requests on their way, in order
        self._asked: dict[str, tuple[Asker, Future[Answer]]] = {}  # by key, not yet durable
        replay(log, self.timetable)

    def refold(self) -> None:
        """Throw away the fold, and what was decided on it uncommitted; read the log again."""
        timetable = self._restore() or Timetable()
        replay(self.log, timetable)  # when this fails, the old fold stays for another try
        self._pending = _Gathered()
        self.refolds += 1
        self.timetable = timetable

    # -- one wish

    def ask(
        self,
        command: c.AnyCommand,
        *,
        meta: Meta,
        key: str | None = None,
        contents: Contents | None = None,
        stream: str | None = None,
    ) -> Future[Answer]:
        """Decide a wish and append what it leads to; the answer comes when that is durable.

        `stream` is that of the run the wish is about, so that an ended one can be read back.
        Raises: Refused or KeyReused, at once; the future fails as `Log.submit`'s does.
        """
        if meta.digest is None:
            meta = replace(meta, digest=digest_of_command(command))
        if key is not None and (found := self._answered(key, meta)) is not None:
            return found
        if self._was_begun(command):
            return _done(Answer())
        with self._recalled(command, stream):
            facts = decide(self.timetable, command, self.clock.now(), self._known)
            if not facts:
                return _done(Answer())
            self.flush()
            gathered = _Gathered(contents=contents or {})
            if isinstance(command, c.EraseContent):
                gathered.erased = erased_by(facts)
            self._fold(facts, gathered)
        appended = self._submit(gathered, meta=meta, key=key)
        answer: Future[Answer] = Future()
        first = self.timetable.position - len(facts) + 1
        if key is not None:
            self._asked[key] = (whose(meta), answer)
            answer.add_done_callback(lambda _: self._asked.pop(key, None))
        appended.add_done_callback(lambda done: _answer(done, answer, first, tuple(facts)))
        return answer

    def preview(self, command: c.AnyCommand, *, stream: str | None = None) -> list[Fact]:
        """Decide a wish and store nothing."""
        with self._recalled(command, stream):
            return decide(self.timetable, command, self.clock.now(), self._known)

    @contextmanager
    def _recalled(self, command: c.AnyCommand, stream: str | None) -> Iterator[None]:
        """Have the run that a wish is about in the fold meanwhile, also when it has ended."""
        if stream is None or not isinstance(command, ABOUT_A_RUN):
            yield
            return
        if command.run not in self.timetable.runs:
            found = last_run(self.log, stream)
            if found is not None and found[0].run != command.run:
                raise Conflict(
                    f"run {command.run} was run again, as {found[0].run}; that one can be changed"
                )
            if found is not None and found[0].status not in ENDED:
                raise Conflict(f"run {command.run} has ended this very moment; look at it again")
            if self._is_changing(stream):  # what is read back is not the latest
                raise Conflict(f"run {command.run} is changing this very moment; look at it again")
            if found is not None:
                self.timetable.recall(*found)
        try:
            yield
        finally:
            self.timetable.dismiss(command.run)

    def _is_changing(self, stream: str) -> bool:
        """Return whether an event of a stream is in the fold and not yet durable."""
        waiting = [*self._unsettled.copy(), self._pending.facts]
        return any(fact.stream == stream for facts in waiting for fact in facts)

    def _was_begun(self, command: c.AnyCommand) -> bool:
        """Return whether the run that a wish names has begun before, and is over."""
        if not isinstance(command, c.TriggerJob | c.CallService):
            return False
        return command.run not in self.timetable.runs and self._has(call_stream(command.run))

    def _has(self, stream: str) -> bool:
        return self._is_changing(stream) or self.log.version(stream) > 0

    def _answered(self, key: str, meta: Meta) -> Future[Answer] | None:
        """Return the answer that was given under this key, or is about to be."""
        asked = self._asked.get(key)
        if asked is not None:
            asker, answer = asked
            if asker != whose(meta):
                raise KeyReused(key)
            return answer
        found = self.log.find(key)
        if found is None:
            return None
        appended, _ = found
        recorded = self.log.read(after=appended.first - 1, until=appended.last)
        first = recorded[0].meta
        if first is None or whose(first) != whose(meta):
            raise KeyReused(key)
        facts = tuple(Fact(one.stream, one.event) for one in recorded)
        return _done(Answer(appended.first, appended.last, facts, repeated=True))

    # -- the executor's own decisions, gathered into one request a turn

    def gather(
        self,
        command: c.AnyCommand,
        contents: Contents | None = None,
        outputs: Contents | None = None,
    ) -> list[Fact]:
        """Decide and fold now, and append with the next flush; return the facts.

        `contents` are kept for good, `outputs` for a while.
        """
        facts = decide(self.timetable, command, self.clock.now(), self._known)
        if facts:
            self._fold(facts, self._pending)
            if contents:
                self._pending.contents.update(contents)
            if outputs:
                self._pending.outputs.update(outputs)
        return facts

    def flush(self) -> Future[Appended] | None:
        """Append what was gathered; the future is that of its last part, if there is any."""
        if not self._pending.facts:
            return None
        gathered, self._pending = self._pending, _Gathered()
        meta = Meta(actor="scheduler", epoch=self.timetable.system.epoch)
        first = self.sent + 1
        appended = self._submit(gathered, meta=meta, key=None)
        self.on_flushed(range(first, self.sent + 1))
        return appended

    # -- the parts

    def _fold(self, facts: Sequence[Fact], gathered: "_Gathered") -> None:
        """Fold facts, noting for each stretch of one stream the version it follows."""
        timetable = self.timetable
        versions = timetable.versions
        continued = {  # read before anything is folded: when that fails, the fold still holds
            stream: self.log.version(stream)
            for stream, event in facts
            if stream not in versions and is_rerun(event)
        }
        for stream, version in continued.items():
            timetable.continue_stream(stream, version)
        writes = gathered.writes
        last: str | None = None
        events: list[e.AnyEvent] = []
        for stream, event in facts:
            if stream != last:
                events = []
                writes.append(Write(stream, versions.get(stream, 0), events))
                last = stream
            events.append(event)
            timetable.apply(stream, event)
        gathered.facts += facts

    def _submit(self, gathered: "_Gathered", *, meta: Meta, key: str | None) -> Future[Appended]:
        """Append what was gathered in as many requests as it needs, the key on the last."""
        position = self.timetable.position - len(gathered.facts)
        parts = gathered.parts()
        for part in parts[:-1]:
            self._send(part, gathered.request(part.writes, meta, None, position))
            position += len(part.facts)
        return self._send(parts[-1], gathered.request(parts[-1].writes, meta, key, position))

    def _send(self, part: "_Gathered", request: Request) -> Future[Appended]:
        self.sent += 1
        sent_ns = self.clock.monotonic_ns()
        appended = self.log.submit(request)
        facts = part.facts
        self._unsettled.append(facts)
        appended.add_done_callback(lambda done: self._settle(done, facts, sent_ns))
        return appended

    def _settle(self, done: Future[Appended], facts: Sequence[Fact], sent_ns: int) -> None:
        self._unsettled.popleft()  # they are settled in their order
        error = done.exception()
        if error is None:
            self.appends.add(self.clock.monotonic_ns() - sent_ns)
            self.on_committed(facts)
        else:
            self.on_failed(error)

    def _has_content(self, digest: str) -> bool:
        state = self.log.content_state(digest)
        return state is not None and state.size is not None

    def _last_run(self, stream: str) -> RunState | None:
        if not self.log.version(stream):
            return None
        found = last_run(self.log, stream)
        return None if found is None else found[0]

    def _job_events(self, job: JobId) -> list[e.AnyEvent]:
        return [recorded.event for recorded in read_stream(self.log, job_stream(job))]

    def _is_taken(self, job: JobId, fire_time: datetime) -> bool:
        return self.log.version(fire_stream(fire_time, job)) > 0


class _Gathered:
    """Facts that were folded and are not yet sent, and the writes they make."""

    def __init__(self, *, contents: Contents | None = None) -> None:
        self.facts: list[Fact] = []
        self.writes: list[Write] = []
        self.contents: Contents = contents if contents is not None else {}
        self.outputs: Contents = {}
        self.erased: Sequence[str] = ()

    def request(self, writes: Sequence[Write], meta: Meta, key: str | None, after: int) -> Request:
        """Return the request for a part of this; all content goes with each of them."""
        return Request(writes, meta, key, self.contents, after, self.outputs, self.erased)

    def parts(self) -> list["_Gathered"]:
        """Return this in pieces, each within the bound of one append.

        What follows from a run (`job-exhausted` after the last one, what its end calls, a pause
        after too many failures) stays in the run's piece.
        """
        if len(self.facts) <= EVENTS_PER_APPEND_MAX:
            return [self]
        parts = [_Gathered()]
        at = 0
        for writes in _with_what_follows(self.writes):
            size = sum(len(write.events) for write in writes)
            if len(parts[-1].facts) + size > EVENTS_PER_APPEND_MAX and parts[-1].facts:
                parts.append(_Gathered())
            parts[-1].writes += writes
            parts[-1].facts += self.facts[at : at + size]
            at += size
        return parts


def erased_by(facts: Sequence[Fact]) -> list[str]:
    """Return the digests whose bytes go with these facts."""
    return [
        digest
        for fact in facts
        if isinstance(fact.event, e.ContentErased)
        for digest in fact.event.digests
    ]


def _ignore(_: object) -> None:
    """Do nothing: nobody is interested."""


def _done(answer: Answer) -> Future[Answer]:
    future: Future[Answer] = Future()
    future.set_result(answer)
    return future


def _answer(
    done: Future[Appended], answer: Future[Answer], first: int, facts: tuple[Fact, ...]
) -> None:
    error = done.exception()
    if error is not None:
        answer.set_exception(error)
        return
    appended = done.result()
    answer.set_result(Answer(first, appended.last, facts, appended.repeated))


def _with_what_follows(writes: Sequence[Write]) -> Iterator[list[Write]]:
    """Yield each write together with those that say what it caused."""
    together: list[Write] = []
    for write in writes:
        if together and not _follows(write):
            yield together
            together = []
        together.append(write)
    if together:
        yield together


def _follows(write: Write) -> bool:
    """Return whether a write says what the one before it caused."""
    match write.events[0]:
        case e.JobExhausted() | e.RunPlanned(cause="callback") | e.ServiceCalled(cause="callback"):
            return True
        case e.JobPaused(failures=failures):
            return failures > 0
        case _:
            return False
