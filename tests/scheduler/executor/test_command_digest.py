"""A command asked twice is known again by its digest, whatever was made at random for it."""

import pytest
from msgspec.structs import replace

from scheduler.executor.command_digest import digest_of_command
from scheduler.model import commands as c
from scheduler.model.content import Payload, payload_of
from scheduler.model.jobs import BackfillId, Definition, JobId, RunId
from tests.facts import at, defined

PLAIN = defined("@daily", input=Payload(text="x"))


def private(salt: bytes) -> Definition:
    payload, _ = payload_of("hush", salt=salt)
    return defined("@daily", input=payload)


def backfill(name: str, *, until: str = "11:00") -> c.RequestBackfill:
    return c.RequestBackfill(
        backfill=BackfillId(name), job=JobId("1"), after=at("10:00"), until=at(until)
    )


def trigger(run: str, given: Payload | None) -> c.TriggerJob:
    return c.TriggerJob(job=JobId("1"), run=RunId(run), input=given)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (
            c.DefineJob(job=JobId("1"), definition=PLAIN),
            c.DefineJob(job=JobId("2"), definition=PLAIN),
        ),
        (trigger("1", None), trigger("2", None)),
        (
            c.CallService(run=RunId("1"), service="s"),
            c.CallService(run=RunId("2"), service="s"),
        ),
        (
            c.DefineJob(job=JobId("1"), definition=private(b"a" * 16)),
            c.DefineJob(job=JobId("2"), definition=private(b"b" * 16)),
        ),
        (
            c.ReviseJob(job=JobId("1"), definition=private(b"a" * 16)),
            c.ReviseJob(job=JobId("1"), definition=private(b"b" * 16)),
        ),
        (trigger("1", private(b"a" * 16).input), trigger("2", private(b"b" * 16).input)),
        (backfill("1"), backfill("2")),
    ],
)
def test_ids_and_salts_made_for_one_try_do_not_count(
    one: c.AnyCommand, other: c.AnyCommand
) -> None:
    assert digest_of_command(one) == digest_of_command(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (c.PauseJob(job=JobId("1")), c.PauseJob(job=JobId("2"))),
        (c.PauseJob(job=JobId("1")), c.RemoveJob(job=JobId("1"))),
        (trigger("1", Payload(text="x")), trigger("1", Payload(text="y"))),
        (backfill("1"), backfill("1", until="11:01")),
        (trigger("1", payload_of("x" * 5_000)[0]), trigger("1", payload_of("y" * 5_000)[0])),
        (
            c.DefineJob(job=JobId("1"), definition=PLAIN),
            c.DefineJob(job=JobId("1"), definition=replace(PLAIN, description="other")),
        ),
    ],
)
def test_all_else_counts(one: c.AnyCommand, other: c.AnyCommand) -> None:
    assert digest_of_command(one) != digest_of_command(other)


def test_a_default_that_was_said_is_as_one_that_was_not() -> None:
    said = b"skip".decode()  # equal to the default, and another object
    assert said is not defined("@daily").overlap
    one = c.DefineJob(job=JobId("1"), definition=defined("@daily"))
    other = c.DefineJob(job=JobId("1"), definition=defined("@daily", overlap=said))  # type: ignore[arg-type]  # it is one of the literals
    assert digest_of_command(one) == digest_of_command(other)
