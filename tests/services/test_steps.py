"""Durable steps, in plain and in async code: what is done, what is handed on, what is refused."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import pytest

from scheduler.model.content import digest_of
from scheduler.model.errors import Conflict
from scheduler.model.invocations import StepDone
from scheduler.model.limits import SALT_BYTES, STEP_NAME_CHARS_MAX, STEPS_BYTES_MAX, STEPS_MAX
from services.asking import Closed
from services.connections.idempotency import current_key
from services.outcomes import Fatal
from services.steps import Steps, step_of
from tests.services.making import PATIENCE_S, Desk, invocation


def steps(desk: Desk, done: dict[str, str | None] | None = None, *, salt: bytes = b"") -> Steps:
    return Steps(invocation(steps=done, salt=salt), desk, lambda text: text)


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture(params=["waits", "awaits"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def taken(kind: str, made: Steps, name: str, f: Callable[[], object]) -> Any:  # noqa: ANN401  # what the step hands on
    """Take a step in plain code, or in async code."""
    if kind == "waits":
        return made.step(name, f)

    async def take() -> object:
        return await made.step(name, f)

    return asyncio.run(take())


def never() -> object:
    raise AssertionError("this step is done already")


# -- what is done, and handed on


def test_a_step_is_recorded_with_its_result_and_hands_it_on(kind: str, desk: Desk) -> None:
    assert {"a": [1, 2]} == taken(kind, steps(desk), "fetch", lambda: {"a": [1, 2]})
    assert {"fetch": '{"a":[1,2]}'} == desk.kept()


def test_what_is_handed_on_is_what_was_kept_the_first_time_too(kind: str, desk: Desk) -> None:
    assert {"1": [2, 3]} == taken(kind, steps(desk), "fetch", lambda: {1: (2, 3)})


def test_a_step_that_returns_nothing_is_done_with_null(kind: str, desk: Desk) -> None:
    assert taken(kind, steps(desk), "store", lambda: None) is None
    assert {"store": "null"} == desk.kept()


def test_a_step_that_is_done_is_not_done_again(kind: str, desk: Desk) -> None:
    made = steps(desk, {"fetch": '"data"'})
    assert "data" == taken(kind, made, "fetch", never)
    assert [] == desk.asked


def test_a_step_is_handed_on_only_when_it_is_durable() -> None:
    events: list[str] = []

    class Watched(Future[None]):
        def result(self, timeout: float | None = None) -> None:
            events.append("waited for")

    def ask(asked: object) -> Future[None]:
        events.append("asked")
        return Watched()

    value = Steps(invocation(), ask, lambda text: text).step("fetch", lambda: events.append("done"))
    assert (["done", "asked", "waited for"], None) == (events, value)


def test_an_async_step_is_handed_on_only_when_it_is_durable(desk: Desk) -> None:
    desk.is_held = True

    async def work() -> None:
        task = asyncio.create_task(steps(desk).step("fetch", lambda: 1))
        await asyncio.sleep(0)
        assert desk.asked
        assert not task.done()
        await asyncio.to_thread(desk.release)
        assert 1 == await task

    asyncio.run(work())


def test_what_an_async_step_returns_is_awaited(desk: Desk) -> None:
    async def fetched() -> str:
        await asyncio.sleep(0)
        return "data"

    assert "data" == taken("awaits", steps(desk), "fetch", fetched)
    assert {"fetch": '"data"'} == desk.kept()


def test_a_large_result_is_content(kind: str, desk: Desk) -> None:
    assert "x" * 5_000 == taken(kind, steps(desk), "fetch", lambda: "x" * 5_000)
    [done] = desk.asked
    assert isinstance(done, StepDone)
    written = b'"' + b"x" * 5_000 + b'"'
    assert {digest_of(written): written} == done.contents


def test_the_result_of_a_private_job_is_kept_behind_a_salt_of_its_step(desk: Desk) -> None:
    made = steps(desk, salt=b"0123456789abcdef")
    assert ("a", "a") == (made.step("one", lambda: "a"), made.step("two", lambda: "a"))
    first, second = (one for one in desk.asked if isinstance(one, StepDone))
    assert first.result is not None
    assert (None, "", True) == (first.result.text, first.result.head, first.result.salted)
    assert [b'"a"', b'"a"'] == [
        one.contents[one.result.digest or ""][SALT_BYTES:]
        for one in (first, second)
        if one.result is not None
    ]
    assert first.contents != second.contents


def test_secrets_are_taken_out_before_a_result_is_kept_and_handed_on(desk: Desk) -> None:
    made = Steps(invocation(), desk, lambda text: text.replace("hush", "‹secret:KEY›"))
    assert "the key is ‹secret:KEY›" == made.step("fetch", lambda: "the key is hush")
    assert {"fetch": '"the key is ‹secret:KEY›"'} == desk.kept()


# -- what fails


def test_a_step_that_raises_is_not_recorded_and_the_error_says_where_it_comes_from(
    kind: str, desk: Desk
) -> None:
    def fails() -> object:
        raise ValueError("no")

    with pytest.raises(ValueError, match=r"^no$") as failure:
        taken(kind, steps(desk), "fetch", fails)
    assert [] == desk.asked
    assert "fetch" == step_of(failure.value)
    assert step_of(ValueError("no")) is None


def test_of_a_step_within_a_step_the_inner_one_has_failed(desk: Desk) -> None:
    made = steps(desk)
    with pytest.raises(ZeroDivisionError) as failure:
        made.step("outer", lambda: made.step("inner", lambda: 1 / 0))
    assert "inner" == step_of(failure.value)


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (object(), "the result is not JSON: \\$: a object is no JSON value"),
        (float("nan"), "the result is not JSON: \\$: nan is no number"),
        ("\ud800", "the result is not JSON"),
    ],
)
def test_a_result_that_is_not_json_is_done_without_a_value_and_fatal(
    kind: str, desk: Desk, value: object, why: str
) -> None:
    with pytest.raises(Fatal, match=f'step "fetch" is done and will not be repeated.*{why}'):
        taken(kind, steps(desk), "fetch", lambda: value)
    assert {"fetch": None} == desk.kept()


def test_a_result_that_is_too_large_is_done_without_a_value_and_fatal(
    kind: str, desk: Desk
) -> None:
    with pytest.raises(Fatal, match="bytes; at most 8,388,608 are kept"):
        taken(kind, steps(desk), "fetch", lambda: "x" * 9_000_000)
    assert {"fetch": None} == desk.kept()


def test_results_that_are_too_large_together_are_fatal(desk: Desk) -> None:
    made = steps(desk, {"before": "x" * (STEPS_BYTES_MAX - 10)})
    assert "1234" == made.step("fits", lambda: "1234")
    with pytest.raises(Fatal, match="have more than 33,554,432 bytes together"):
        made.step("does not", lambda: "1234")


def test_a_step_whose_value_is_not_there_is_not_repeated_and_fatal(kind: str, desk: Desk) -> None:
    with pytest.raises(Fatal, match='"fetch" was done by an earlier attempt and is not repeated'):
        taken(kind, steps(desk, {"fetch": None}), "fetch", never)


def test_a_name_is_used_once_in_an_attempt(kind: str, desk: Desk) -> None:
    made = steps(desk)
    taken(kind, made, "fetch", lambda: 1)
    with pytest.raises(Fatal, match='step "fetch" was begun before in this attempt'):
        taken(kind, made, "fetch", never)


def test_a_name_is_used_once_even_when_the_step_failed_or_was_done_before(desk: Desk) -> None:
    made = steps(desk, {"store": "1"})
    with pytest.raises(ZeroDivisionError):
        made.step("fetch", lambda: 1 / 0)
    assert 1 == made.step("store", never)
    for name in ("fetch", "store"):
        with pytest.raises(Fatal, match="begun before"):
            made.step(name, never)


@pytest.mark.parametrize("name", ["", "x" * (STEP_NAME_CHARS_MAX + 1), "a\nb", "a\0", "a\u202eb"])
def test_a_name_is_short_and_printable(kind: str, desk: Desk, name: str) -> None:
    with pytest.raises(Fatal, match="is no name for a step: 1 to 200 printable characters"):
        taken(kind, steps(desk), name, never)


def test_a_step_without_a_name_is_told_how_to_write_it(desk: Desk) -> None:
    with pytest.raises(Fatal, match=r'a step needs a name, not a function: ctx.step\("fetch"'):
        steps(desk).step(never, lambda: None)  # type: ignore[arg-type]  # what people may write


@pytest.mark.parametrize("name", ["fetch", "x" * STEP_NAME_CHARS_MAX, "Schritt für Schritt", "1"])
def test_a_name_may_be_in_any_script(desk: Desk, name: str) -> None:
    assert 1 == steps(desk).step(name, lambda: 1)


def test_a_run_has_so_many_steps_and_no_more(desk: Desk) -> None:
    made = steps(desk, {f"step {number}": "1" for number in range(STEPS_MAX - 1)})
    assert 1 == made.step("step 0", never)
    assert 2 == made.step("the last", lambda: 2)
    with pytest.raises(Fatal, match="has 1,000 steps already"):
        made.step("one more", never)


def test_a_plain_function_cannot_await(desk: Desk) -> None:
    async def fetched() -> None: ...

    with pytest.raises(Fatal, match="returned a coroutine that nobody awaits: declare the service"):
        steps(desk).step("fetch", fetched)
    assert [] == desk.asked


# -- an attempt that is over


def test_a_refused_step_ends_the_attempt_past_whoever_catches_errors(kind: str, desk: Desk) -> None:
    desk.refusal = Conflict("attempt 1 of run run-1 is no longer open")
    with pytest.raises(Closed, match="no longer open"):
        taken(kind, steps(desk), "fetch", lambda: 1)
    assert not issubclass(Closed, Exception)


def test_no_step_begins_when_the_attempt_was_given_up(kind: str, desk: Desk) -> None:
    made = steps(desk)
    made.is_closed = True
    with pytest.raises(Closed, match="given up"):
        taken(kind, made, "fetch", never)


def test_a_cancelled_step_leaves_nothing_behind(desk: Desk) -> None:
    desk.is_held = True

    async def work() -> None:
        task = asyncio.create_task(steps(desk).step("fetch", lambda: 1))
        await asyncio.sleep(0)
        assert desk.asked
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(work())
    desk.release()  # the loop is gone by now


# -- steps that nobody waits for


def test_a_step_that_was_never_awaited_is_told(desk: Desk) -> None:
    made = steps(desk)

    async def work() -> None:
        made.step("fetch", never)

    asyncio.run(work())
    assert 'step "fetch" was not awaited, so nothing of it was done' in str(made.unfinished())
    assert made.unfinished() is None  # it was put away


def test_a_step_that_is_still_under_way_is_told(desk: Desk) -> None:
    made = steps(desk)

    async def work() -> str | None:
        task = asyncio.create_task(made.step("fetch", asyncio.Event().wait))
        await asyncio.sleep(0)
        told = made.unfinished()
        task.cancel()
        return told

    assert 'step "fetch" was still under way' in str(asyncio.run(work()))


def test_a_step_on_a_thread_that_is_still_under_way_is_told(desk: Desk) -> None:
    made = steps(desk)
    begun, go_on = threading.Event(), threading.Event()

    def fetch() -> None:
        begun.set()
        go_on.wait(PATIENCE_S)

    thread = threading.Thread(target=made.step, args=("fetch", fetch))
    thread.start()
    assert begun.wait(PATIENCE_S)
    assert 'step "fetch" was still under way' in str(made.unfinished())
    go_on.set()
    thread.join(PATIENCE_S)
    assert made.unfinished() is None


def test_steps_that_have_ended_in_any_way_are_finished(kind: str, desk: Desk) -> None:
    made = steps(desk, {"before": "1"})
    taken(kind, made, "before", never)
    taken(kind, made, "fetch", lambda: 1)
    with pytest.raises(ZeroDivisionError):
        taken(kind, made, "store", lambda: 1 / 0)
    assert made.unfinished() is None


# -- side by side, and the key


def test_async_steps_may_be_taken_side_by_side_and_each_has_its_own_key(desk: Desk) -> None:
    made = steps(desk)

    async def keyed() -> str | None:
        await asyncio.sleep(0)  # the other one goes on here
        return current_key()

    async def work() -> list[Any]:
        return list(await asyncio.gather(made.step("one", keyed), made.step("two", keyed)))

    assert ["run-1/one", "run-1/two"] == asyncio.run(work())
    assert current_key() is None


def test_the_key_is_equal_in_all_attempts_and_different_in_another_run(
    kind: str, desk: Desk
) -> None:
    def key_of(run: str, attempt: int) -> object:
        made = Steps(invocation(run=run, attempt=attempt), desk, lambda text: text)
        return taken(kind, made, "mail", current_key)

    assert "run-1/mail" == key_of("run-1", 1) == key_of("run-1", 2)
    assert "run-2/mail" == key_of("run-2", 1)


def test_two_threads_never_take_one_name(desk: Desk) -> None:
    made = steps(desk)
    begin = threading.Barrier(8)
    told: list[str] = []

    def work() -> None:
        begin.wait(PATIENCE_S)
        try:
            made.step("fetch", lambda: 1)
            told.append("done")
        except Fatal:
            told.append("refused")

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert ["done", *["refused"] * 7] == sorted(told)
