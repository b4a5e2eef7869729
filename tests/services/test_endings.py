import asyncio
import json
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

import pytest

from scheduler.model.content import digest_of, text_of
from scheduler.model.invocations import Outcome
from scheduler.model.limits import (
    DETAIL_BYTES_MAX,
    ERROR_CHARS_MAX,
    INLINE_BYTES_MAX,
    RESULT_BYTES_MAX,
    SALT_BYTES,
)
from services.connections.catalog import Connections
from services.context import Context
from services.endings import raised, returned
from services.outcomes import Fatal, RetryAfter
from tests.services.making import invocation

CALL = invocation(run="run-3", attempt=2, epoch=9)


def of_value(value: object) -> Outcome:
    return returned(CALL, value, Context(CALL), 55)


def of_error(error: BaseException) -> Outcome:
    return raised(CALL, error, Context(CALL), 55)


def caught(function: Callable[[], object]) -> BaseException:
    try:
        function()
    except BaseException as error:  # noqa: BLE001  # whatever it raises is what is looked at
        return error
    raise AssertionError("it raised nothing")


def test_an_outcome_names_its_attempt_and_how_long_it_took() -> None:
    for outcome in (of_value(None), of_error(ValueError())):
        assert ("run-3", 2, 9, 55) == (
            outcome.run,
            outcome.attempt,
            outcome.epoch,
            outcome.duration_us,
        )


def test_an_outcome_brings_the_lines_of_the_log() -> None:
    context = Context(CALL)
    context.log.info("hello")
    for outcome in (returned(CALL, None, context, 0), raised(CALL, ValueError(), context, 0)):
        assert outcome.output is not None
        assert outcome.output.text.endswith("hello\n")


def test_to_return_nothing_is_success_without_a_result() -> None:
    outcome = of_value(None)
    assert ("succeeded", None, {}) == (outcome.kind, outcome.result, outcome.contents)


@pytest.mark.parametrize(
    "value", [0, False, "", "text ü \0", [], {"a": [1, 2.5, None]}, ("a", "b"), 10**30]
)
def test_a_small_result_stands_in_the_outcome_as_json(value: object) -> None:
    outcome = of_value(value)
    assert outcome.result is not None
    assert outcome.result.text is not None
    assert ("succeeded", "json") == (outcome.kind, outcome.result.kind)
    assert json.loads(json.dumps(value)) == json.loads(outcome.result.text)


def test_a_large_result_is_content_by_its_digest() -> None:
    outcome = of_value("x" * INLINE_BYTES_MAX)
    encoded = f'"{"x" * INLINE_BYTES_MAX}"'.encode()
    assert outcome.result is not None
    assert digest_of(encoded) == outcome.result.digest
    assert {digest_of(encoded): encoded} == outcome.contents


def test_the_largest_result_is_kept_and_a_larger_one_fails_for_good() -> None:
    assert "succeeded" == of_value("x" * (RESULT_BYTES_MAX - 2)).kind
    outcome = of_value("x" * (RESULT_BYTES_MAX - 1))
    assert ("error", True) == (outcome.kind, outcome.fatal)
    assert (
        "the result has 8,388,609 bytes; at most 8,388,608 are kept. Store it elsewhere, and"
        " return where" == outcome.error
    )


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (float("nan"), "$: nan is no number that can be kept."),
        ({"a": [1, float("inf")]}, "$.a[1]: inf is no number that can be kept."),
        ({"a": {1, 2}}, "$.a: a set is no JSON value."),
        (b"bytes", "$: a bytes is no JSON value."),
        (Decimal(1), "$: a Decimal is no JSON value."),
        (timedelta(1), "$: a timedelta is no JSON value."),
        ("half \ud800", "$: the text is not valid Unicode: it holds half of a surrogate pair."),
    ],
)
def test_a_result_that_is_not_json_fails_for_good_and_says_where(value: object, why: str) -> None:
    outcome = of_value(value)
    assert ("error", True, None) == (outcome.kind, outcome.fatal, outcome.result)
    assert f"the result is not JSON: {why}" == outcome.error


def test_a_result_without_end_is_not_json() -> None:
    endless: list[object] = []
    endless.append(endless)
    assert of_value(endless).error.startswith("the result is not JSON: ")
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    assert of_value(deep).error.startswith("the result is not JSON: ")


class Hostile(dict[str, object]):
    def items(self) -> object:  # type: ignore[override]  # hostile on purpose
        raise RuntimeError("no items for you")


def test_a_result_that_raises_when_it_is_looked_at_is_not_json() -> None:
    outcome = of_value({"a": Hostile(a=1)})
    assert "the result is not JSON: no items for you" == outcome.error


def test_a_coroutine_that_nobody_awaited_is_told_as_such() -> None:
    async def later() -> None: ...

    assert (
        "the service returned a coroutine that nobody awaited: declare it with async def"
        == of_value(later()).error
    )


def test_what_was_raised_is_told_by_type_and_first_line() -> None:
    outcome = of_error(ValueError("wrong\nby far"))
    assert ("error", "ValueError: wrong", False) == (outcome.kind, outcome.error, outcome.fatal)


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), BaseException("all")])
def test_whatever_is_raised_is_an_error(error: BaseException) -> None:
    assert "error" == of_error(error).kind
    assert of_error(error).error.startswith(type(error).__name__)


def test_a_cancellation_that_nobody_asked_for_is_told_as_such() -> None:
    assert (
        "CancelledError: raised by the service itself; nobody asked for its end"
        == of_error(asyncio.CancelledError()).error
    )


def test_a_long_message_is_cut() -> None:
    assert ERROR_CHARS_MAX == len(of_error(ValueError("x" * 5_000)).error)


def test_fatal_forbids_a_retry() -> None:
    outcome = of_error(Fatal("no such account"))
    assert ("Fatal: no such account", True) == (outcome.error, outcome.fatal)


def test_retry_after_names_the_delay() -> None:
    outcome = of_error(RetryAfter(timedelta(minutes=5), "busy"))
    assert timedelta(minutes=5) == outcome.retry_after
    assert "RetryAfter: busy" == outcome.error


def test_the_traceback_shows_the_users_frames_only() -> None:
    outcome = of_error(caught(lambda: 1 / 0))
    assert outcome.detail is not None
    assert outcome.detail.text is not None
    assert "Traceback (most recent call last):" == outcome.detail.text.splitlines()[0]
    assert outcome.detail.text.rstrip().endswith("ZeroDivisionError: division by zero")


def test_a_long_traceback_keeps_its_two_ends() -> None:
    outcome = of_error(ValueError("begin" + "x" * DETAIL_BYTES_MAX * 2 + "end"))
    (text,) = outcome.contents.values()
    assert len(text) <= DETAIL_BYTES_MAX
    assert text.startswith(b"ValueError: begin")
    assert text.endswith(b"xend\n")


class Unspeakable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no")


def test_an_error_that_cannot_be_shown_is_still_an_outcome() -> None:
    outcome = of_error(caught(lambda: (_ for _ in ()).throw(Unspeakable())))
    assert "Unspeakable: (its message cannot be shown)" == outcome.error
    assert outcome.detail is not None


def test_an_error_that_no_store_takes_is_told_with_escapes() -> None:
    assert "ValueError: half \\ud800" == of_error(ValueError("half \ud800")).error


# -- private jobs

PRIVATE = invocation(salt=b"0123456789abcdef")


@pytest.mark.parametrize("value", [5, "x" * INLINE_BYTES_MAX])
def test_a_private_result_is_kept_behind_a_salt_at_any_size(value: object) -> None:
    outcome = returned(PRIVATE, value, Context(PRIVATE), 0)
    payload = outcome.result
    assert payload is not None
    assert (True, None, "") == (payload.salted, payload.text, payload.head)
    assert json.dumps(value) == text_of(payload, outcome.contents[payload.digest or ""])


def test_of_a_private_error_the_event_shows_its_class_alone() -> None:
    people: dict[str, int] = {}
    error = caught(lambda: people["jan.kowalski"])
    outcome = raised(PRIVATE, error, Context(PRIVATE), 0)
    assert ("error", "KeyError") == (outcome.kind, outcome.error)
    payload = outcome.detail
    assert payload is not None
    assert (True, None, "") == (payload.salted, payload.text, payload.head)
    text = text_of(payload, outcome.contents[payload.digest or ""])
    assert text is not None
    assert text.endswith("KeyError: 'jan.kowalski'\n")


def test_result_and_traceback_of_one_attempt_have_different_salts() -> None:
    outcomes = (
        returned(PRIVATE, 1, Context(PRIVATE), 0),
        raised(PRIVATE, ValueError(), Context(PRIVATE), 0),
    )
    assert 2 == len({content[:SALT_BYTES] for one in outcomes for content in one.contents.values()})


# -- secrets


@pytest.fixture
def telling() -> Context:
    """Return the context of an attempt that knows a secret."""
    connections = Connections()
    connections.secrets.remember("PW", "open sesame")
    connections.secrets.remember("PIN", "4711")
    return Context(CALL, reach=connections)


def test_a_result_is_kept_without_secrets_and_stays_json(telling: Context) -> None:
    outcome = returned(CALL, {"pin": 4711, "text": 'say "open sesame"', "a": 1.50}, telling, 0)
    assert outcome.result is not None
    assert outcome.result.text is not None
    assert {"pin": "‹secret:PIN›", "text": 'say "‹secret:PW›"', "a": 1.5} == json.loads(
        outcome.result.text
    )


def test_a_result_that_cannot_be_kept_is_told_without_secrets(telling: Context) -> None:
    outcome = returned(CALL, {"open sesame": {1}}, telling, 0)
    assert "open sesame" not in outcome.error
    assert "‹secret:PW›" in outcome.error


def test_an_error_and_its_traceback_are_kept_without_secrets(telling: Context) -> None:
    error = caught(lambda: int("open sesame"))
    outcome = raised(CALL, error, telling, 0)
    assert outcome.detail is not None
    assert outcome.detail.text is not None
    for told in (outcome.error, outcome.detail.text):
        assert "‹secret:PW›" in told
        assert "open sesame" not in told


def test_a_secret_at_the_end_of_what_is_kept_is_not_cut_in_two(telling: Context) -> None:
    for before in range(ERROR_CHARS_MAX - 40, ERROR_CHARS_MAX):
        outcome = raised(CALL, ValueError("x" * before + "open sesame"), telling, 0)
        assert "open" not in outcome.error


def test_a_service_that_returns_before_its_steps_has_not_succeeded() -> None:
    context = Context(CALL)

    async def work() -> None:
        context.step("fetch", lambda: 1)

    asyncio.run(work())
    outcome = returned(CALL, "result", context, 0)
    assert ("error", True, None) == (outcome.kind, outcome.fatal, outcome.result)
    assert 'step "fetch" was not awaited' in outcome.error


def test_the_error_of_a_service_says_more_than_a_step_it_did_not_await() -> None:
    context = Context(CALL)

    async def work() -> None:
        context.step("fetch", lambda: 1)
        raise ValueError("no")

    error = caught(lambda: asyncio.run(work()))
    outcome = raised(CALL, error, context, 0)
    assert ("ValueError: no", False) == (outcome.error, outcome.fatal)
    assert context.unfinished() is None  # put away, so that Python does not warn of it


def test_an_error_says_in_which_step_it_was_raised() -> None:
    context = Context(CALL)
    error = caught(lambda: context.step("mail", lambda: 1 / 0))
    assert (
        'step "mail": ZeroDivisionError: division by zero' == raised(CALL, error, context, 0).error
    )
    private = invocation(salt=b"0123456789abcdef")
    assert 'step "mail": ZeroDivisionError' == raised(private, error, context, 0).error
