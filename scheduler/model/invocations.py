"""What passes between the executor and whoever carries out services: a call out, an outcome back.

The executor never knows what a service does; the service never knows how it was called. Both floors
know only these records and the `Invoke` protocol, so neither imports the other.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from datetime import datetime, timedelta
from typing import Literal, Protocol

from msgspec import Struct

from scheduler.model.content import Payload
from scheduler.model.jobs import Cause, Definition, Isolation, JobId, RunId

StopReason = Literal["timeout", "cancelled", "stop"]


class Invocation(Struct, frozen=True, kw_only=True, gc=False):
    """One attempt to carry out: everything a service may know about why it was called."""

    run: RunId
    attempt: int
    epoch: int
    job: JobId
    job_name: str
    service: str
    cause: Cause
    isolation: Isolation
    timeout: timedelta
    due_time: datetime
    fire_time: datetime | None = None
    window_start: datetime | None = None
    input_text: str | None = None
    input_kind: Literal["text", "json"] = "text"
    steps: dict[str, str | None] = {}  # done in earlier attempts: name -> JSON; None: no value kept
    salt: bytes = b""  # of a private job: what this attempt returns is kept behind salts made of it

    @property
    def idempotency_key(self) -> str:
        """The key that is equal in all attempts of this run: the far end tells a repeat by it."""
        return self.run


class Output(Struct, frozen=True, gc=False):
    """The lines an attempt wrote: head and tail when there were too many."""

    text: str
    lines: int
    dropped_bytes: int = 0


class Outcome(Struct, frozen=True, kw_only=True, gc=False):
    """How an attempt ended, as told by whoever carried it out.

    `stopped` answers a stop for the reason "stop"; `returned` is an abandoned attempt whose thread
    has ended at last.
    """

    run: RunId
    attempt: int
    epoch: int
    kind: Literal[
        "succeeded", "error", "timeout", "crash", "cancelled", "no-service", "stopped", "returned"
    ]
    duration_us: int = 0
    result: Payload | None = None
    error: str = ""
    detail: Payload | None = None  # the traceback
    fatal: bool = False  # the service forbids a retry
    retry_after: timedelta | None = None  # replaces the policy's delay, adds no attempt
    abandoned: bool = False  # with timeout or cancelled: it cannot be stopped and still runs
    output: Output | None = None
    contents: dict[str, bytes] = {}  # named by result and detail


class StepDone(Struct, frozen=True, kw_only=True, gc=False):
    """What a running attempt wants kept: a step is done, with its JSON result if it has one."""

    name: str
    result: Payload | None
    contents: dict[str, bytes] = {}


class OnceWished(Struct, frozen=True, kw_only=True, gc=False):
    """What a running attempt wants scheduled: a one-time job, under an id that follows from it."""

    job: JobId
    definition: Definition
    contents: dict[str, bytes] = {}


# Asked by a running attempt, from any thread; the future ends when it is durable, or is refused.
Wish = Callable[[Invocation, StepDone | OnceWished], "Future[None]"]
Report = Callable[[Sequence[Outcome]], None]  # may be called from any thread; never blocks


class Invoke(Protocol):
    """Carries out attempts; no call blocks.

    Every started attempt is reported once as ended, and once more as `returned` when it had been
    given up as abandoned.
    """

    def knows(self, service: str) -> bool:
        """Return whether a service of this name is registered."""
        ...

    def code(self, service: str) -> str | None:
        """Return the digest of the service's source, None when it is unknown."""
        ...

    def start(self, invocations: Sequence[Invocation], report: Report, wish: Wish) -> None:
        """Carry these out; an unknown service is reported as `no-service`."""
        ...

    def stop(
        self, run: RunId, attempt: int, reason: StopReason, grace: timedelta | None = None
    ) -> bool:
        """Ask one attempt to end, and make it after `grace` (END_GRACE when not said).

        True: it will be reported, not long after that. False: it cannot be stopped.
        """
        ...

    def close(self) -> None:
        """End all workers and children; attempts still running are not waited for."""
        ...
