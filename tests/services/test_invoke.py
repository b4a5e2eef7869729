import asyncio
import os
import queue
import threading
from collections.abc import Callable
from contextvars import ContextVar
from pathlib import Path
from time import perf_counter_ns

import pytest

from scheduler.model.content import digest_of
from scheduler.model.invocations import Invoke, StopReason
from services.context import Context
from services.invoke import Workers
from services.outcomes import Fatal
from services.registry import Registry
from tests.services.making import PATIENCE_S, Reports, invocation, unasked


def test_the_workers_are_what_the_executor_is_handed(workers: Workers) -> None:
    handed: Invoke = workers
    assert not handed.knows("service")


def test_a_service_is_known_with_the_digest_of_its_code(
    workers: Workers, registry: Registry
) -> None:
    registry.service("service")(lambda: None)
    assert workers.knows("service")
    assert digest_of(Path(__file__).read_bytes()) == workers.code("service")
    assert workers.code("other") is None


def test_a_plain_function_is_called_with_its_context_and_told(
    workers: Workers, registry: Registry, reports: Reports
) -> None:
    def work(ctx: Context) -> dict[str, object]:
        ctx.log.info("working")
        return {"run": ctx.run, "input": ctx.input}

    registry.service("service")(work)
    workers.start([invocation(run="run-5", epoch=3, input_text="x")], reports, unasked)
    outcome = reports.next()
    assert ("succeeded", "run-5", 1, 3) == (
        outcome.kind,
        outcome.run,
        outcome.attempt,
        outcome.epoch,
    )
    assert outcome.result is not None
    assert '{"run":"run-5","input":"x"}' == outcome.result.text
    assert outcome.output is not None
    assert outcome.output.text.endswith("INFO working\n")


def test_an_async_function_is_awaited_and_told(
    workers: Workers, registry: Registry, reports: Reports
) -> None:
    async def work(ctx: Context) -> int:
        await asyncio.sleep(0)
        ctx.log.info("working")
        return 5

    registry.service("service")(work)
    workers.start([invocation()], reports, unasked)
    outcome = reports.next()
    assert outcome.result is not None
    assert ("succeeded", "5") == (outcome.kind, outcome.result.text)
    assert outcome.output is not None


def test_an_unknown_service_is_told_by_name(workers: Workers, reports: Reports) -> None:
    workers.start([invocation("no.such")], reports, unasked)
    outcome = reports.next()
    assert "no-service" == outcome.kind
    assert 'no service "no.such". Known: none' == outcome.error


def test_a_mixed_batch_is_told_whole(
    workers: Workers, registry: Registry, reports: Reports
) -> None:
    async def awaited() -> None: ...

    registry.service("plain")(lambda: None)
    registry.service("awaited")(awaited)
    names = ["plain", "awaited", "none"] * 50
    batch = [invocation(name, run=f"{name}-{place}") for place, name in enumerate(names)]
    workers.start(batch, reports, unasked)
    told = {(outcome.run, outcome.kind) for outcome in (reports.next() for _ in names)}
    kinds = {"plain": "succeeded", "awaited": "succeeded", "none": "no-service"}
    assert {(f"{name}-{place}", kinds[name]) for place, name in enumerate(names)} == told
    assert reports.none_is_left()


@pytest.mark.parametrize(
    "error", [ValueError("no"), SystemExit(3), KeyboardInterrupt(), GeneratorExit(), Fatal("no")]
)
@pytest.mark.parametrize("is_async", [True, False])
def test_whatever_a_service_raises_is_its_outcome_and_costs_no_worker(
    workers: Workers, registry: Registry, reports: Reports, error: BaseException, *, is_async: bool
) -> None:
    def plain() -> None:
        raise error

    async def awaited() -> None:
        raise error

    async def fine() -> None: ...

    registry.service("service")(awaited if is_async else plain)
    registry.service("next")(fine if is_async else lambda: None)
    workers.start([invocation()], reports, unasked)
    outcome = reports.next()
    assert ("error", isinstance(error, Fatal)) == (outcome.kind, outcome.fatal)
    assert outcome.error.startswith(type(error).__name__)
    assert outcome.detail is not None
    shown = outcome.detail.text or outcome.detail.head
    first_file = next(one for one in shown.splitlines() if "File" in one)
    assert f'File "{__file__}"' in first_file
    workers.start([invocation("next", run="run-2")], reports, unasked)
    assert "succeeded" == reports.next().kind


def test_a_cancellation_that_nobody_asked_for_is_an_error(
    workers: Workers, registry: Registry, reports: Reports
) -> None:
    async def work() -> None:
        raise asyncio.CancelledError

    registry.service("service")(work)
    workers.start([invocation()], reports, unasked)
    outcome = reports.next()
    assert "error" == outcome.kind
    assert "nobody asked for its end" in outcome.error


def test_the_time_is_measured_by_the_clock_that_was_handed_in(
    registry: Registry, reports: Reports, children_dir: Path
) -> None:
    now_ns = [0]

    def work() -> None:
        now_ns[0] += 3_000_000

    registry.service("service")(work)
    workers = Workers(registry, slots=1, monotonic_ns=lambda: now_ns[0], children_dir=children_dir)
    workers.start([invocation()], reports, unasked)
    assert 3_000 == reports.next().duration_us
    workers.close()


def test_a_plain_function_that_blocks_does_not_delay_the_others(
    workers: Workers, registry: Registry, reports: Reports
) -> None:
    go_on = threading.Event()

    async def awaited() -> None: ...

    registry.service("blocks")(lambda: go_on.wait(PATIENCE_S))
    registry.service("plain")(lambda: None)
    registry.service("awaited")(awaited)
    workers.start(
        [
            invocation("blocks", run="1"),
            invocation("plain", run="2"),
            invocation("awaited", run="3"),
            invocation("plain", run="4"),
        ],
        reports,
        unasked,
    )
    assert {"2", "3", "4"} == {reports.next().run for _ in range(3)}
    assert reports.none_is_left()
    go_on.set()
    assert "1" == reports.next().run


def test_an_async_service_that_blocks_its_loop_does_not_stop_the_threads(
    workers: Workers, registry: Registry, reports: Reports
) -> None:
    go_on, blocked = threading.Event(), threading.Event()

    async def blocks() -> None:
        blocked.set()
        go_on.wait(PATIENCE_S)

    registry.service("blocks")(blocks)
    registry.service("plain")(lambda: None)
    workers.start([invocation("blocks", run="1")], reports, unasked)
    assert blocked.wait(PATIENCE_S)
    workers.start([invocation("plain", run="2")], reports, unasked)
    assert "2" == reports.next().run
    go_on.set()
    assert "1" == reports.next().run


def test_attempts_do_not_see_one_anothers_context_variables(
    workers: Workers, registry: Registry, reports: Reports
) -> None:
    left = ContextVar("left", default=0)

    def work() -> int:
        left.set(left.get() + 1)
        return left.get()

    registry.service("service")(work)
    for run in ("1", "2"):
        workers.start([invocation(run=run)], reports, unasked)
        result = reports.next().result
        assert result is not None
        assert "1" == result.text


@pytest.mark.parametrize(
    ("reason", "kind", "error"),
    [
        ("timeout", "timeout", "timed out after 1h"),
        ("cancelled", "cancelled", "cancelled on request"),
        ("stop", "stopped", "ended by the stop of Horolog"),
    ],
)
def test_an_async_service_is_cancelled_and_told_by_the_reason(
    workers: Workers,
    registry: Registry,
    reports: Reports,
    *,
    reason: StopReason,
    kind: str,
    error: str,
) -> None:
    begun = threading.Event()
    seen: queue.SimpleQueue[bool] = queue.SimpleQueue()

    async def work(ctx: Context) -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            seen.put(ctx.cancelled)

    registry.service("service")(work)
    workers.start([invocation()], reports, unasked)
    assert begun.wait(PATIENCE_S)
    assert workers.stop("run-1", 1, reason)
    outcome = reports.next()
    assert (kind, error, False) == (outcome.kind, outcome.error, outcome.abandoned)
    assert outcome.detail is not None, "where the end met it"
    assert seen.get(timeout=PATIENCE_S)


def test_an_async_service_that_succeeds_all_the_same_has_succeeded(
    workers: Workers, registry: Registry, reports: Reports
) -> None:
    begun = threading.Event()

    async def work() -> str:
        begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return "done before"
        return "never"

    registry.service("service")(work)
    workers.start([invocation()], reports, unasked)
    assert begun.wait(PATIENCE_S)
    assert workers.stop("run-1", 1, "cancelled")
    outcome = reports.next()
    assert outcome.result is not None
    assert ("succeeded", '"done before"') == (outcome.kind, outcome.result.text)


def test_an_async_service_that_does_not_heed_its_cancellation_is_given_up(
    impatient: Workers, registry: Registry, reports: Reports
) -> None:
    begun = threading.Event()
    go_on: queue.SimpleQueue[Callable[[], object]] = queue.SimpleQueue()

    async def work() -> None:
        wake = asyncio.Event()
        loop = asyncio.get_running_loop()
        go_on.put(lambda: loop.call_soon_threadsafe(wake.set))
        begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await wake.wait()

    registry.service("service")(work)
    impatient.start([invocation()], reports, unasked)
    assert begun.wait(PATIENCE_S)
    assert impatient.stop("run-1", 1, "timeout")
    given_up = reports.next()
    assert ("timeout", True) == (given_up.kind, given_up.abandoned)
    go_on.get(timeout=PATIENCE_S)()
    assert "returned" == reports.next().kind
    assert reports.none_is_left()


def test_one_that_waits_for_a_blocked_loop_ends_at_once_when_asked_to(
    impatient: Workers, registry: Registry, reports: Reports
) -> None:
    go_on, blocked = threading.Event(), threading.Event()

    async def blocks() -> None:
        blocked.set()
        go_on.wait(PATIENCE_S)

    async def waits() -> None: ...

    registry.service("blocks")(blocks)
    registry.service("waits")(waits)
    impatient.start([invocation("blocks", run="1")], reports, unasked)
    assert blocked.wait(PATIENCE_S)
    impatient.start([invocation("waits", run="2")], reports, unasked)
    assert impatient.stop("1", 1, "timeout")
    assert impatient.stop("2", 1, "timeout")
    told = {str(outcome.run): outcome for outcome in (reports.next() for _ in range(2))}
    assert ("timeout", True) == (told["1"].kind, told["1"].abandoned)
    assert ("timeout", False) == (told["2"].kind, told["2"].abandoned)
    go_on.set()
    assert ("1", "returned") == ((late := reports.next()).run, late.kind)


def test_a_plain_function_cannot_be_stopped_and_returns_after_its_timeout(
    workers: Workers, registry: Registry, reports: Reports
) -> None:
    go_on, begun = threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        go_on.wait(PATIENCE_S)

    registry.service("service")(work)
    workers.start([invocation()], reports, unasked)
    assert begun.wait(PATIENCE_S)
    assert not workers.stop("run-1", 1, "timeout")
    assert reports.none_is_left()
    go_on.set()
    assert "returned" == reports.next().kind


def test_a_plain_function_can_see_that_it_was_cancelled(
    workers: Workers, registry: Registry, reports: Reports
) -> None:
    begun = threading.Event()

    def work(ctx: Context) -> None:
        begun.set()
        while not ctx.cancelled:
            os.sched_yield()
        raise RuntimeError("cancelled, as asked")

    registry.service("service")(work)
    workers.start([invocation()], reports, unasked)
    assert begun.wait(PATIENCE_S)
    assert not workers.stop("run-1", 1, "cancelled")
    assert "cancelled" == reports.next().kind


def test_a_plain_function_that_waits_for_a_thread_ends_at_once_when_asked_to(
    registry: Registry, reports: Reports, children_dir: Path
) -> None:
    go_on, begun = threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        go_on.wait(PATIENCE_S)

    registry.service("service")(work)
    workers = Workers(registry, slots=1, monotonic_ns=perf_counter_ns, children_dir=children_dir)
    workers.start([invocation(run="1"), invocation(run="2")], reports, unasked)
    assert begun.wait(PATIENCE_S)
    assert workers.stop("2", 1, "cancelled")
    first = reports.next()
    go_on.set()
    told = [(one.run, one.kind) for one in (first, reports.next())]
    assert [("2", "cancelled"), ("1", "succeeded")] == told
    workers.close()


def test_after_the_close_nothing_more_is_reported(
    workers: Workers, registry: Registry, reports: Reports
) -> None:
    go_on, begun, ended = threading.Event(), threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        go_on.wait(PATIENCE_S)
        ended.set()

    registry.service("service")(work)
    workers.start([invocation()], reports, unasked)
    assert begun.wait(PATIENCE_S)
    workers.close()
    go_on.set()
    assert ended.wait(PATIENCE_S)
    assert reports.none_is_left()
