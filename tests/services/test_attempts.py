from collections.abc import Sequence
from concurrent.futures import Future

import pytest

from scheduler.model.invocations import Invocation, Outcome, Report, StepDone, StopReason
from services.asking import Asked, Closed
from services.attempts import Attempt, Attempts
from services.context import Context
from services.endings import raised, returned
from services.registry import described
from tests.services.making import Desk, invocation, unasked

SERVICE = described("service", lambda: None, file="f.py", line=1, module="m")


class Bench:
    """Attempts over a list of what they tell and a clock that is moved by hand."""

    def __init__(self) -> None:
        self.told: list[Outcome] = []
        self.now_ns = 0
        self.interrupted: list[Attempt] = []
        self.attempts = Attempts(self._tell, lambda: self.now_ns)

    def _tell(self, report: Report, outcome: Outcome) -> None:
        self.told.append(outcome)

    def opened(self, *, interruptible: bool, run: str = "run-1") -> Attempt:
        def nobody(_: Sequence[Outcome]) -> None: ...

        attempt = Attempt(
            invocation(run=run),
            SERVICE,
            nobody,
            unasked,
            self.interrupted.append if interruptible else None,
        )
        self.attempts.open([attempt])
        return attempt

    def begun(self, *, interruptible: bool) -> Attempt:
        attempt = self.opened(interruptible=interruptible)
        assert self.attempts.begin(attempt) is not None
        return attempt

    def ends(self, attempt: Attempt, error: BaseException | None = None) -> None:
        context = attempt.context or Context(attempt.invocation)
        if error is None:
            self.attempts.end(attempt, returned(attempt.invocation, 5, context, 0))
        else:
            self.attempts.end(attempt, raised(attempt.invocation, error, context, 0))

    def stop(self, reason: StopReason, run: str = "run-1") -> bool:
        will_be_told, attempt = self.attempts.stop(run, 1, reason)
        if attempt is not None and attempt.interrupt is not None:
            attempt.interrupt(attempt)
        return will_be_told

    def kinds(self) -> list[str]:
        return [outcome.kind for outcome in self.told]


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_an_attempt_that_begins_and_ends_is_told_once(bench: Bench) -> None:
    attempt = bench.begun(interruptible=False)
    bench.ends(attempt)
    bench.ends(attempt)
    assert ["succeeded"] == bench.kinds()


def test_its_time_is_measured_from_its_beginning(bench: Bench) -> None:
    bench.now_ns = 5_000
    attempt = bench.opened(interruptible=False)
    bench.now_ns = 10_000
    bench.attempts.begin(attempt)
    bench.now_ns = 40_000
    assert 30 == bench.attempts.elapsed_us(attempt)


@pytest.mark.parametrize("interruptible", [True, False])
@pytest.mark.parametrize(
    ("reason", "kind"), [("timeout", "timeout"), ("cancelled", "cancelled"), ("stop", "stopped")]
)
def test_one_that_waits_ends_when_it_is_asked_to_and_never_begins(
    bench: Bench, reason: StopReason, kind: str, *, interruptible: bool
) -> None:
    attempt = bench.opened(interruptible=interruptible)
    assert bench.stop(reason)
    assert bench.attempts.begin(attempt) is None
    assert [kind] == bench.kinds()
    assert [] == bench.interrupted


def test_one_that_has_ended_was_told_and_nothing_more_comes_of_a_stop(bench: Bench) -> None:
    bench.ends(bench.begun(interruptible=True))
    assert bench.stop("timeout")
    assert ["succeeded"] == bench.kinds()
    assert [] == bench.interrupted


def test_one_that_can_be_interrupted_is_and_is_told_when_it_ends(bench: Bench) -> None:
    attempt = bench.begun(interruptible=True)
    assert bench.stop("cancelled")
    assert [attempt] == bench.interrupted
    assert [] == bench.told
    bench.ends(attempt, ValueError("cancelled"))
    assert ["cancelled"] == bench.kinds()


def test_the_service_can_see_that_its_end_was_asked_for(bench: Bench) -> None:
    attempt = bench.begun(interruptible=False)
    assert attempt.context is not None
    assert not attempt.context.cancelled
    bench.stop("cancelled")
    assert attempt.context.cancelled


def test_it_is_interrupted_once_and_its_first_reason_stands(bench: Bench) -> None:
    attempt = bench.begun(interruptible=True)
    assert bench.stop("cancelled")
    assert bench.stop("timeout")
    assert [attempt] == bench.interrupted
    bench.ends(attempt, ValueError())
    assert ["cancelled"] == bench.kinds()


def test_one_that_cannot_be_interrupted_is_given_up_by_its_timeout(bench: Bench) -> None:
    attempt = bench.begun(interruptible=False)
    assert not bench.stop("timeout")
    assert [] == bench.told
    bench.ends(attempt)
    assert ["returned"] == bench.kinds()


def test_one_that_was_given_up_is_told_once_more_however_often_it_is_asked(bench: Bench) -> None:
    attempt = bench.begun(interruptible=False)
    assert not bench.stop("timeout")
    assert not bench.stop("timeout")
    assert not bench.stop("stop")
    bench.ends(attempt, ValueError())
    assert ["returned"] == bench.kinds()


@pytest.mark.parametrize(("reason", "kind"), [("cancelled", "cancelled"), ("stop", "stopped")])
def test_one_that_cannot_be_interrupted_tells_itself_how_it_heeded_a_wish(
    bench: Bench, reason: StopReason, kind: str
) -> None:
    attempt = bench.begun(interruptible=False)
    assert not bench.stop(reason)
    bench.ends(attempt, ValueError("I looked at ctx.cancelled"))
    assert [kind] == bench.kinds()


@pytest.mark.parametrize("reason", ["cancelled", "stop"])
def test_one_that_cannot_be_interrupted_and_succeeds_has_succeeded(
    bench: Bench, reason: StopReason
) -> None:
    attempt = bench.begun(interruptible=False)
    assert not bench.stop(reason)
    bench.ends(attempt)
    assert ["succeeded"] == bench.kinds()


def test_a_timeout_after_a_cancellation_gives_it_up(bench: Bench) -> None:
    attempt = bench.begun(interruptible=False)
    assert not bench.stop("cancelled")
    assert not bench.stop("timeout")
    bench.ends(attempt)
    assert ["returned"] == bench.kinds()


def test_one_that_does_not_heed_its_interruption_is_given_up_and_told_twice(bench: Bench) -> None:
    attempt = bench.begun(interruptible=True)
    bench.stop("timeout")
    bench.attempts.give_up(attempt)
    bench.attempts.give_up(attempt)
    bench.ends(attempt)
    assert ["timeout", "returned"] == bench.kinds()
    assert [True, False] == [outcome.abandoned for outcome in bench.told]


def test_one_that_has_ended_is_not_given_up(bench: Bench) -> None:
    attempt = bench.begun(interruptible=True)
    bench.stop("timeout")
    bench.ends(attempt, ValueError())
    bench.attempts.give_up(attempt)
    assert ["timeout"] == bench.kinds()


def test_one_that_nobody_asked_to_end_is_not_given_up(bench: Bench) -> None:
    attempt = bench.begun(interruptible=True)
    bench.attempts.give_up(attempt)
    bench.ends(attempt)
    assert ["succeeded"] == bench.kinds()


def test_after_the_close_nothing_is_told_and_nothing_begins(bench: Bench) -> None:
    running = bench.begun(interruptible=True)
    waiting = bench.opened(interruptible=True, run="run-2")
    bench.attempts.close()
    assert bench.attempts.begin(waiting) is None
    bench.ends(running)
    assert [] == bench.told


def test_attempts_of_one_run_are_told_apart(bench: Bench) -> None:
    first = bench.begun(interruptible=True)
    bench.opened(interruptible=True, run="run-2")
    assert bench.stop("cancelled", run="run-2")
    bench.ends(first)
    assert [("run-2", "cancelled"), ("run-1", "succeeded")] == [
        (outcome.run, outcome.kind) for outcome in bench.told
    ]


def step_of(attempt: Attempt) -> object:
    assert attempt.context is not None
    return attempt.context.step("fetch", lambda: "done")


def test_what_an_attempt_asks_bears_its_invocation() -> None:
    desk = Desk()
    asked: list[object] = []

    def answer(invoked: Invocation, step: Asked) -> Future[None]:
        asked.append((invoked, step))
        return desk(step)

    attempt = Attempt(invocation(run="run-5"), SERVICE, lambda _: None, answer)
    attempt.ask(StepDone(name="fetch", result=None))
    assert [(invocation(run="run-5"), StepDone(name="fetch", result=None))] == asked


def test_one_that_was_given_up_or_has_ended_begins_no_step(bench: Bench) -> None:
    given_up = bench.begun(interruptible=False)
    bench.stop("timeout")
    with pytest.raises(Closed):
        step_of(given_up)
    bench.ends(given_up)
    ended = bench.begun(interruptible=False)
    bench.ends(ended)
    with pytest.raises(Closed):
        step_of(ended)


def test_one_that_is_asked_to_end_may_finish_its_steps(bench: Bench) -> None:
    attempt = bench.begun(interruptible=True)
    bench.stop("cancelled")
    with pytest.raises(AssertionError, match="asked for something"):  # it reached the executor
        step_of(attempt)
