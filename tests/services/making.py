"""What the tests of the services are made from: invocations, and a place where outcomes arrive."""

import queue
import socket
from collections.abc import Sequence
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta
from typing import Literal, Self

from scheduler.model.invocations import Invocation, OnceWished, Outcome, StepDone
from scheduler.model.jobs import Isolation, JobId, RunId
from services.asking import Asked

PATIENCE_S = 30.0  # a test that waits longer has failed; none waits as long when all is well


def invocation(
    service: str = "service",
    *,
    run: str = "run-1",
    attempt: int = 1,
    epoch: int = 7,
    isolation: Isolation = "thread",
    input_text: str | None = None,
    input_kind: Literal["text", "json"] = "text",
    fire_time: datetime | None = None,
    window_start: datetime | None = None,
    salt: bytes = b"",
    steps: dict[str, str | None] | None = None,
) -> Invocation:
    return Invocation(
        run=RunId(run),
        attempt=attempt,
        epoch=epoch,
        job=JobId("job-1"),
        job_name="the job",
        service=service,
        cause="schedule",
        isolation=isolation,
        timeout=timedelta(hours=1),
        due_time=datetime(2026, 3, 1, 10, 5, tzinfo=UTC),
        fire_time=fire_time,
        window_start=window_start,
        input_text=input_text,
        input_kind=input_kind,
        salt=salt,
        steps=steps or {},
    )


class Desk:
    """Stands for the executor: keeps what an attempt asks for, and answers when it is let."""

    def __init__(self) -> None:
        self.asked: list[Asked | OnceWished] = []
        self.refusal: BaseException | None = None  # of all that is asked from now on
        self.is_held = False  # what is asked waits for `release`
        self._waiting: list[Future[None]] = []

    def __call__(self, asked: Asked | OnceWished) -> Future[None]:
        answer: Future[None] = Future()
        self.asked.append(asked)
        self._waiting.append(answer)
        if not self.is_held:
            self.release()
        return answer

    def wish(self, _: Invocation, asked: StepDone | OnceWished) -> Future[None]:
        """Answer as the executor itself does."""
        return self(asked)

    def release(self) -> None:
        while self._waiting:
            answer = self._waiting.pop(0)
            if self.refusal is None:
                answer.set_result(None)
            else:
                answer.set_exception(self.refusal)

    def kept(self) -> dict[str, str | None]:
        """Return the finished steps, each with its result as JSON."""
        done = [one for one in self.asked if isinstance(one, StepDone)]
        return {one.name: None if one.result is None else one.result.text for one in done}


def unasked(_: Invocation, __: object) -> Future[None]:
    """Stand for the executor where no attempt asks it for anything."""
    raise AssertionError("an attempt asked for something")


class Reports:
    """Where outcomes are reported to; they are read one by one."""

    def __init__(self) -> None:
        self._arrived: queue.SimpleQueue[Outcome] = queue.SimpleQueue()

    def __call__(self, outcomes: Sequence[Outcome]) -> None:
        for outcome in outcomes:
            self._arrived.put(outcome)

    def next(self) -> Outcome:
        return self._arrived.get(timeout=PATIENCE_S)

    def none_is_left(self) -> bool:
        return self._arrived.empty()


class Line:
    """A connection on which a child reports; it ends when everyone who holds it is gone."""

    def __init__(self) -> None:
        self._server = socket.create_server(("127.0.0.1", 0))
        self._server.settimeout(PATIENCE_S)
        self.port = str(self._server.getsockname()[1])
        self._peer: socket.socket | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.close()
        if self._peer is not None:
            self._peer.close()

    def heard(self) -> str:
        """Return the next piece of what was said, "" when all who could say something are gone."""
        if self._peer is None:
            self._peer, _ = self._server.accept()
            self._peer.settimeout(PATIENCE_S)
        try:
            return self._peer.recv(1000).decode()
        except ConnectionResetError:
            return ""

    def say(self, text: str) -> None:
        assert self._peer is not None
        self._peer.sendall(text.encode())
