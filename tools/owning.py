"""A log that nobody serves, written by one command: take the lock, fold, decide, append, leave.

No epoch is taken, and nothing is carried out, save a call that is asked for by `carry_out`: what
was planned waits for a server. The views are brought up before an answer is given, as a server does
it, so the next command can read what this one wrote.
"""

from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import ExitStack, suppress
from functools import cached_property
from typing import Self

from projections.projector import Projector
from scheduler.executor.clock import Clock, new_salt
from scheduler.executor.derived import ViewsFile
from scheduler.executor.handle import Answer, Handle
from scheduler.executor.owner import Owner
from scheduler.executor.snapshot import Snapshots
from scheduler.log.contract import Meta, Retention
from scheduler.log.sqlite import SqliteLog
from scheduler.model.commands import AnyCommand, EraseContent
from scheduler.model.content import Contents
from scheduler.model.errors import Conflict, HorologError, StorageFailed, Unreachable
from scheduler.model.jobs import Definition, JobId, RunId
from scheduler.model.limits import BATCH_WISHES_MAX, VIEWS_PATIENCE
from services.loading import Loaded
from tools.admission import Admission, Jobs
from tools.principals import own_principal
from tools.settings import Settings
from tools.wishes import Told, Wish, told, told_facts

CHANNEL = "cli"


class Owning:
    """This process as the owner of a log, for as long as a command takes; for one thread."""

    def __init__(self, settings: Settings, owner: Owner, clock: Clock) -> None:
        """Open and fold the log; `owner`, who gives the right to write it, is released at the end.

        Raises: Unreachable, NotAuthorised, Corrupt.
        """
        self._settings = settings
        self._actor = own_principal()
        with ExitStack() as opened:
            opened.callback(owner.release)
            retention = Retention(settings.output_retention, settings.output_bytes)
            log = SqliteLog.open(settings.db, clock_ns=clock.now_ns, retention=retention)
            opened.callback(log.close)
            self._log = log
            views = self._views = self._opened_views(log)
            if views is None:
                self._handle = Handle(log, clock, code=self._code)
            else:
                opened.callback(views.close)
                self._projector = Projector(log, views)
                self._handle = Handle(
                    log, clock, restore=Snapshots(views, log, clock).load, code=self._code
                )
            self._admission = Admission(
                settings, lambda: self._loaded, log.content, lambda: new_salt(clock)
            )
            self._opened = opened.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the log."""
        self._opened.close()

    def ask(
        self,
        command: AnyCommand,
        *,
        reason: str | None = None,
        on_behalf_of: str | None = None,
        key: str | None = None,
        contents: Contents | None = None,
        stream: str | None = None,
        unchecked: bool = False,
        dry_run: bool = False,
    ) -> Told:
        """Have a command carried out; see `Wishes.ask`."""
        wish = Wish(
            command=command,
            reason=reason,
            on_behalf_of=on_behalf_of,
            key=key,
            contents=contents or {},
            stream=stream,
            unchecked=unchecked,
            dry_run=dry_run,
        )
        answer = self.ask_all([wish])[0]
        if isinstance(answer, HorologError):
            raise answer
        return answer

    def ask_all(self, wishes: Sequence[Wish]) -> list[Told | HorologError]:
        """Have many carried out, each for itself; see `Wishes.ask_all`."""
        answers: list[Told | HorologError] = []
        for start in range(0, len(wishes), BATCH_WISHES_MAX):
            answers += self._ask_batch(wishes[start : start + BATCH_WISHES_MAX])
        if any(isinstance(wish.command, EraseContent) and not wish.dry_run for wish in wishes):
            self._log.purge()  # the answer says that it is gone
        if self._views is not None and any(isinstance(one, Told) and one.last for one in answers):
            # The log holds the change; views that cannot be written are brought up by who reads.
            with suppress(StorageFailed):
                self._projector.catch_up()
        return answers

    def carry_out(self, run: RunId) -> None:
        """Carry out a run that was asked for, under an epoch of its own, until it has ended."""
        from tools.calling import carry_out  # brings the workers with it

        loaded = self._loaded
        carry_out(self._settings, self._handle, loaded, run, log_path=self._log.path)
        if self._views is not None:
            with suppress(StorageFailed):
                self._projector.catch_up()

    def _code(self, service: str) -> str | None:
        known = self._loaded.registry.get(service)
        return None if known is None else known.code

    def _ask_batch(self, wishes: Sequence[Wish]) -> list[Told | HorologError]:
        """Have some decided side by side, so that one commit holds them all."""
        with self._log.gathering():
            begun = [self._begun(wish) for wish in wishes]
        answers = [_ended(one) for one in begun]
        for place, (one, answer) in enumerate(zip(begun, answers, strict=True)):
            if isinstance(one, Future) and isinstance(answer, HorologError):
                # What was decided after this stood on it and failed with it: decide that again.
                self._handle.refold()
                rest = [self._one_by_one(wish) for wish in wishes[place + 1 :]]
                return [*answers[: place + 1], *rest]
        return answers

    def _one_by_one(self, wish: Wish) -> Told | HorologError:
        begun = self._begun(wish)
        answer = _ended(begun)
        if isinstance(begun, Future) and isinstance(answer, HorologError):
            self._handle.refold()
        return answer

    def _begun(self, wish: Wish) -> Future[Answer] | Told | HorologError:
        """Decide a wish and hand it to the log; or the whole answer, when it needs no log."""
        handle = self._handle
        try:
            wish = self._admission.admitted(wish, Jobs(self._definition_of, self._definition_named))
            if wish.dry_run:
                facts = handle.preview(wish.command, stream=wish.stream)
                return Told(facts=told_facts(facts))
            meta = Meta(
                actor=self._actor,
                on_behalf_of=wish.on_behalf_of,
                reason=wish.reason,
                channel=CHANNEL,
            )
            return handle.ask(
                wish.command, meta=meta, key=wish.key, contents=wish.contents, stream=wish.stream
            )
        except HorologError as error:
            return error

    def _definition_of(self, job: JobId) -> Definition | None:
        state = self._handle.timetable.jobs.get(job)
        return None if state is None else state.definition

    def _definition_named(self, name: str) -> Definition | None:
        job = self._handle.timetable.names.get(name)
        return None if job is None else self._definition_of(job)

    @cached_property
    def _loaded(self) -> Loaded:
        from services.loading import load

        return load(self._settings.load, self._settings.base)

    def _opened_views(self, log: SqliteLog) -> ViewsFile | None:
        """Return the views, None when they cannot be written now: they only make this quicker."""
        try:
            return ViewsFile.open(
                self._settings.db, identity=log.identity, wait_s=VIEWS_PATIENCE.total_seconds()
            )
        except (Conflict, Unreachable):
            return None


def _ended(begun: Future[Answer] | Told | HorologError) -> Told | HorologError:
    """Wait for what was begun."""
    if not isinstance(begun, Future):
        return begun
    try:
        return told(begun.result())
    except HorologError as error:
        return error
