import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from scheduler.model.content import Payload
from scheduler.model.errors import BadInput, Conflict
from scheduler.model.invocations import Invocation, StepDone
from scheduler.model.jobs import Definition, Retry
from scheduler.model.schedules import Once
from services.asking import Closed, OnceAsked
from services.context import Context
from services.outcomes import Fatal
from tests.services.making import Desk, invocation

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)
LATER = timedelta(minutes=5)


def context(desk: Desk, invoked: Invocation | None = None) -> Context:
    return Context(invoked or invocation(), ask=desk)


def once(desk: Desk, *words: Any, **more: Any) -> Any:  # noqa: ANN401  # whatever people may write
    return context(desk).schedule.once(*words, **more)


def jobs(desk: Desk) -> list[OnceAsked]:
    return [asked for asked in desk.asked if isinstance(asked, OnceAsked)]


def made(**words: Any) -> Definition:  # noqa: ANN401  # whatever people may write
    """Return the job that is asked for in these words."""
    desk = Desk()
    once(desk, "remind", **{"after": LATER, **words})
    [asked] = jobs(desk)
    return asked.wished.definition


def refused(*words: Any, **more: Any) -> str:  # noqa: ANN401  # whatever people may write
    """Return why a job is not made; nothing was asked for then."""
    desk = Desk()
    with pytest.raises(Fatal) as refusal:
        once(desk, *(words or ("remind",)), **more)
    assert [] == desk.asked
    return str(refusal.value)


# -- what is asked for


def test_the_job_is_asked_for_before_its_step_is_done() -> None:
    desk = Desk()
    name = once(desk, "remind", after=LATER)
    job, step = desk.asked
    assert isinstance(job, OnceAsked)
    assert isinstance(step, StepDone)
    assert (name, "remind", LATER) == (
        job.wished.definition.name,
        job.wished.definition.service,
        job.after,
    )
    assert "schedule:1" == step.name
    assert step.result is not None
    assert {"job": job.wished.job, "name": name, "service": "remind"} == json.loads(
        step.result.text or ""
    )


def test_in_async_code_it_is_awaited() -> None:
    desk = Desk()

    async def work() -> object:
        return await once(desk, "remind", after=LATER)

    assert jobs(desk) == []
    assert asyncio.run(work()) == jobs(desk)[0].wished.definition.name
    assert ["schedule:1"] == list(desk.kept())


def test_a_job_is_called_by_its_prefix_and_the_end_of_its_id() -> None:
    desk = Desk()
    name = once(desk, "remind", after=LATER, prefix="reminder for Ben")
    assert f"reminder for Ben-{jobs(desk)[0].wished.job[-12:]}" == name


def test_a_job_has_the_same_id_in_every_attempt_and_another_in_another_run_or_step() -> None:
    def ids(run: str, attempt: int) -> list[str]:
        desk = Desk()
        asking = context(desk, invocation(run=run, attempt=attempt)).schedule
        asking.once("remind", after=LATER)
        asking.once("remind", after=LATER)
        asking.once("remind", after=LATER, step="third")
        return [asked.wished.job for asked in jobs(desk)]

    first = ids("run-1", 1)
    assert first == ids("run-1", 2)
    assert 6 == len({*first, *ids("run-2", 1)})
    assert all("8" == job[14] for job in first)  # a UUIDv8: it follows from its key


def test_a_time_after_now_is_left_to_the_owners_clock() -> None:
    for after in (LATER, 300, 300.0):
        desk = Desk()
        once(desk, "remind", after=after)
        assert LATER == jobs(desk)[0].after


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (NOON, NOON),
        (datetime(2026, 7, 1, 14, tzinfo=ZoneInfo("Europe/Warsaw")), NOON),
        (NOON - timedelta(milliseconds=1), NOON),
    ],
)
def test_an_instant_is_kept_in_whole_seconds_of_utc(at: datetime, expected: datetime) -> None:
    desk = Desk()
    once(desk, "remind", at=at)
    [asked] = jobs(desk)
    assert (Once(expected), None) == (asked.wished.definition.schedule, asked.after)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (None, None),
        ("hello", Payload(text="hello")),
        ({"a": [1]}, Payload(kind="json", text='{"a":[1]}')),
        ({"$json": 1}, Payload(kind="json", text='{"$json":1}')),
        (5, Payload(kind="json", text="5")),
    ],
)
def test_an_input_is_a_text_or_json(given: object, kept: Payload | None) -> None:
    assert kept == made(input=given).input


def test_a_large_input_goes_with_its_content() -> None:
    desk = Desk()
    once(desk, "remind", after=LATER, input="x" * 5_000)
    assert [b"x" * 5_000] == list(jobs(desk)[0].wished.contents.values())


def test_policies_are_those_of_any_job() -> None:
    definition = made(
        timeout=timedelta(minutes=2),
        retry={"max_attempts": 3},
        on_failure="service:alert",
        labels={"team": "sales"},
        misfire_grace="1h",
    )
    assert timedelta(minutes=2) == definition.timeout
    assert Retry(max_attempts=3) == definition.retry
    assert ("service:alert", timedelta(hours=1)) == (
        definition.on_failure,
        definition.misfire_grace,
    )
    assert {"team": "sales", "horolog.run": "run-1"} == definition.labels


def test_what_a_private_run_schedules_is_private() -> None:
    desk = Desk()
    asking = context(desk, invocation(salt=b"0123456789abcdef")).schedule
    asking.once("remind", after=LATER)
    asking.once("remind", after=LATER, private=False)
    assert [True, False] == [asked.wished.definition.private for asked in jobs(desk)]
    assert not made().private


# -- again, in a later attempt


def later(desk: Desk, kept: str) -> Context:
    return context(desk, invocation(attempt=2, steps={"schedule:1": kept}))


def test_a_later_attempt_makes_no_second_job() -> None:
    first, second = Desk(), Desk()
    name = once(first, "remind", after=LATER)
    [kept] = [text for text in first.kept().values() if text]
    assert name == later(second, kept).schedule.once("remind", after=LATER)
    assert [] == second.asked


def test_a_later_attempt_after_a_crash_before_the_step_asks_for_the_same_job() -> None:
    first, second = Desk(), Desk()
    once(first, "remind", after=LATER)
    again = context(second, invocation(attempt=2)).schedule
    again.once("remind", after=LATER)
    assert jobs(first) == jobs(second)


@pytest.mark.parametrize("kept", ['{"service":"other","name":"once-1"}', "5", '{"a":1}'])
def test_a_step_that_was_another_one_before_is_told(kept: str) -> None:
    desk = Desk()
    with pytest.raises(Fatal, match='step "schedule:1" was another one in an earlier attempt'):
        later(desk, kept).schedule.once("remind", after=LATER)
    assert [] == desk.asked


# -- what is refused


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ({}, "give either after= or at="),
        ({"after": LATER, "at": NOON}, "give either after= or at="),
        ({"after": "5m"}, 'got "5m" instead of a length. As in timedelta'),
        ({"after": True}, "got True instead of a length"),
        ({"after": -1}, "-1 does not lie in 0 to 100 years"),
        ({"after": float("nan")}, "nan does not lie"),
        ({"after": 10**400}, "does not lie in 0 to 100 years"),
        ({"after": timedelta(days=40_000)}, "does not lie in 0 to 100 years"),
        ({"at": "tomorrow"}, 'got "tomorrow" instead of an instant'),
        ({"at": datetime(2026, 7, 1)}, "instead of an instant with its time zone"),  # noqa: DTZ001  # what people may write
        ({"after": LATER, "prefix": " x"}, "begins or ends with a space"),
        ({"after": LATER, "prefix": "a\nb"}, "cannot be printed"),
        ({"after": LATER, "input": object()}, "the result is not JSON"),
        ({"after": LATER, "input": "a\0b"}, "the text holds a NUL"),
        ({"after": LATER, "timout": "5m"}, "$.timout: is not a field. Did you mean timeout?"),
        ({"after": LATER, "timeout": 5}, '$.timeout: 5 has no unit. For seconds write "5s"'),
        ({"after": LATER, "labels": "x"}, "$.labels: got"),
        ({"after": LATER, "name": "x"}, "name follows from the rest"),
        ({"after": LATER, "schedule": {}}, "schedule follows from the rest"),
        ({"after": LATER, "on_success": "x"}, "names neither a job nor a service"),
    ],
)
def test_what_is_wrong_is_told_and_nothing_is_asked_for(words: dict[str, Any], why: str) -> None:
    assert why in refused(**words)


def test_a_service_needs_the_name_of_one() -> None:
    assert "is no name of a service" in refused("Remind Me", after=LATER)


def test_what_the_owner_refuses_is_the_services_mistake_and_no_step_is_done() -> None:
    desk = Desk()
    desk.refusal = BadInput.at("$.service", 'no service "remind"')
    with pytest.raises(Fatal, match="no service"):
        once(desk, "remind", after=LATER)
    assert {} == desk.kept()


def test_an_attempt_that_is_over_makes_no_job() -> None:
    desk = Desk()
    desk.refusal = Conflict("no longer open")
    with pytest.raises(Closed):
        once(desk, "remind", after=LATER)


def test_a_job_that_was_never_awaited_is_told_as_any_step() -> None:
    asking = context(Desk())

    async def work() -> None:
        asking.schedule.once("remind", after=LATER)

    asyncio.run(work())
    assert 'step "schedule:1" was not awaited' in str(asking.unfinished())
