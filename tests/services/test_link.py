"""The child's line to its owner, over real pipes."""

import os
import threading
from collections.abc import Iterator

import pytest

from scheduler.model.errors import BadInput, Conflict
from scheduler.model.invocations import Outcome, StepDone
from scheduler.model.jobs import RunId
from scheduler.model.limits import REPLY_BYTES_MAX
from services import wire
from services.asking import Closed
from services.link import Link
from services.outcomes import Fatal
from tests.services.making import PATIENCE_S

STEP = StepDone(name="fetch", result=None)
OUTCOME = Outcome(run=RunId("run-1"), attempt=1, epoch=1, kind="succeeded")


class Owner:
    """The other ends of a link's pipes."""

    def __init__(self) -> None:
        self.answers, theirs = os.pipe()
        replies, self.replies = os.pipe()
        self.link = Link(theirs, replies)
        self._incoming = wire.Incoming(10_000_000)
        self._open = {self.answers, theirs, replies, self.replies}

    def heard(self) -> wire.Said:
        message = wire.receive(self.answers, self._incoming)
        assert message is not None
        return wire.said_of(message)

    def reply(self, number: int, error: BaseException | None = None) -> None:
        wire.send(self.replies, wire.packed(wire.reply(number, error)))

    def leave(self) -> None:
        os.close(self.replies)
        self._open.discard(self.replies)

    def close(self) -> None:
        for descriptor in self._open:
            os.close(descriptor)


@pytest.fixture
def owner() -> Iterator[Owner]:
    made = Owner()
    yield made
    if made.replies in made._open:  # noqa: SLF001  # the thread that reads must end first
        made.leave()
    for thread in threading.enumerate():
        if thread.name == "horolog-replies":
            thread.join(PATIENCE_S)
    made.close()


def test_what_is_asked_arrives_and_its_reply_comes_back(owner: Owner) -> None:
    answer = owner.link.ask(STEP)
    assert wire.Request(number=1, step=STEP) == owner.heard()
    assert not answer.done()
    owner.reply(1)
    assert answer.result(PATIENCE_S) is None


def test_each_answer_goes_to_whoever_asked(owner: Owner) -> None:
    first, second = owner.link.ask(STEP), owner.link.ask(STEP)
    owner.reply(2, Conflict("no longer open"))
    assert isinstance(second.exception(PATIENCE_S), Closed)
    assert not first.done()
    owner.reply(1, BadInput.at("$.name", "is empty."))
    error = first.exception(PATIENCE_S)
    assert isinstance(error, Fatal)
    assert "$.name: is empty." == str(error)


def test_an_answer_that_nobody_waits_for_is_passed_over(owner: Owner) -> None:
    answer = owner.link.ask(STEP)
    owner.reply(7)
    owner.reply(1)
    assert answer.result(PATIENCE_S) is None


def test_a_reply_that_announces_too_much_is_the_last_that_is_heard(owner: Owner) -> None:
    answer = owner.link.ask(STEP)
    owner.heard()
    wire.send(owner.replies, (REPLY_BYTES_MAX + 1).to_bytes(4, "big"))
    assert isinstance(answer.exception(PATIENCE_S), Closed)
    assert "answers no more" in str(owner.link.ask(STEP).exception(PATIENCE_S))


def test_the_outcome_comes_after_all_that_was_asked(owner: Owner) -> None:
    for _ in range(3):
        owner.link.ask(STEP)
    owner.link.end(OUTCOME)
    said = [owner.heard() for _ in range(4)]
    assert [1, 2, 3] == [one.number for one in said if isinstance(one, wire.Request)]
    assert wire.Ending(outcome=OUTCOME) == said[-1]


def test_without_a_question_only_the_outcome_is_said(owner: Owner) -> None:
    before = threading.active_count()
    owner.link.end(OUTCOME)
    assert wire.Ending(outcome=OUTCOME) == owner.heard()
    assert before == threading.active_count()


def test_when_the_owner_answers_no_more_those_who_wait_are_told(owner: Owner) -> None:
    answer = owner.link.ask(STEP)
    owner.heard()
    owner.leave()
    assert isinstance(answer.exception(PATIENCE_S), Closed)
    assert "answers no more" in str(owner.link.ask(STEP).exception(PATIENCE_S))
