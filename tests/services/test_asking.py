import asyncio
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta

import pytest

from scheduler.model.content import Payload
from scheduler.model.errors import BadInput, Conflict, HorologError, Unreachable
from scheduler.model.invocations import OnceWished, StepDone
from scheduler.model.jobs import Definition, JobId
from scheduler.model.schedules import Once
from services.asking import (
    Asked,
    Closed,
    OnceAsked,
    as_told,
    await_for,
    no_executor,
    owners_answer,
    refused,
    wait_for,
)
from services.outcomes import Fatal
from tests.services.making import Desk, invocation

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
STEP = StepDone(name="fetch", result=Payload(kind="json", text="1"))


def once(**fields: object) -> OnceAsked:
    definition = Definition(name="once-1", service="known", schedule=Once(NOON), **fields)  # type: ignore[arg-type]  # fields of a definition
    return OnceAsked(wished=OnceWished(job=JobId("job-2"), definition=definition))


def why_unknown(service: str) -> str | None:
    return None if service == "known" else f'no service "{service}"'


def answered(
    asked: Asked, now: datetime | None = NOON
) -> tuple[Future[None], list[Asked | OnceWished]]:
    """Return what the owner answers, and what reaches the executor."""
    desk = Desk()
    clock = None if now is None else (lambda: now)
    answer = owners_answer(desk.wish, why_unknown, clock)(invocation(), asked)
    return answer, desk.asked


# -- the owner's side


def test_a_step_reaches_the_executor_as_it_is() -> None:
    assert [STEP] == answered(STEP)[1]


def test_a_job_at_an_instant_reaches_the_executor_as_it_is() -> None:
    assert [once().wished] == answered(once(), now=None)[1]


@pytest.mark.parametrize(
    ("now", "after", "at"),
    [
        (NOON, timedelta(minutes=5), NOON + timedelta(minutes=5)),
        (NOON, timedelta(0), NOON),
        (NOON + timedelta(milliseconds=1), timedelta(0), NOON + timedelta(seconds=1)),
        (NOON, timedelta(seconds=0.5), NOON + timedelta(seconds=1)),
    ],
)
def test_a_job_after_a_while_gets_its_time_from_the_owners_clock(
    now: datetime, after: timedelta, at: datetime
) -> None:
    asked = OnceAsked(wished=once().wished, after=after)
    [wished] = answered(asked, now)[1]
    assert isinstance(wished, OnceWished)
    assert Once(at) == wished.definition.schedule


@pytest.mark.parametrize(
    ("wrong", "path"),
    [
        ({"on_success": "service:no.such"}, "$.on_success"),
        ({"on_failure": "service:no.such"}, "$.on_failure"),
    ],
)
def test_a_job_that_calls_an_unknown_service_does_not_reach_it(
    wrong: dict[str, object], path: str
) -> None:
    answer, asked = answered(once(**wrong))
    error = answer.exception(0)
    assert isinstance(error, BadInput)
    assert ([path], []) == ([problem.path for problem in error.problems], asked)


def test_without_a_clock_a_job_needs_an_instant() -> None:
    answer, asked = answered(OnceAsked(wished=once().wished, after=timedelta(0)), now=None)
    assert isinstance(answer.exception(0), BadInput)
    assert [] == asked


def test_what_the_executor_refuses_at_once_is_a_refusal() -> None:
    def refuse(*_: object) -> Future[None]:
        raise BadInput.at("$.input", "the log holds no content")

    answer = owners_answer(refuse, why_unknown, None)(invocation(), once())
    assert isinstance(answer.exception(0), BadInput)


# -- the attempt's side


def test_without_an_executor_steps_are_done_and_jobs_are_refused() -> None:
    wait_for(no_executor(STEP))
    with pytest.raises(Fatal, match="no log here"):
        wait_for(no_executor(once()))


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (BadInput.at("$.name", "is empty."), Fatal),
        (Fatal("no log"), Fatal),
        (Conflict("no longer open"), Closed),
        (Unreachable("nothing can be stored"), Closed),
        (Closed("gone"), Closed),
    ],
)
def test_a_mistake_is_the_services_own_and_all_else_ends_the_attempt(
    error: HorologError, kind: type[BaseException]
) -> None:
    told = as_told(error)
    assert kind is type(told)
    assert str(error) == str(told)
    with pytest.raises(kind):
        wait_for(refused(error))

    async def wait() -> None:
        await await_for(refused(error))

    with pytest.raises(kind):
        asyncio.run(wait())
