"""What a wish led to is told in plain values, and is the event again when it is asked for."""

from scheduler.executor.handle import Answer
from scheduler.model.events import JobPaused, RunSucceeded
from scheduler.model.jobs import JobId, RunId
from scheduler.rules.facts import Fact
from tools.wishes import Told, ToldFact, told, told_facts

PAUSED = Fact("job/1", JobPaused(job=JobId("1")))
DONE = Fact("call/2", RunSucceeded(run=RunId("2"), attempt=1, duration_us=3))


def test_facts_are_told_by_type_stream_and_body() -> None:
    assert (
        ToldFact("job-paused", "job/1", {"job": "1"}),
        ToldFact("run-succeeded", "call/2", {"run": "2", "attempt": 1, "duration_us": 3}),
    ) == told_facts([PAUSED, DONE])


def test_a_told_fact_is_the_event_again() -> None:
    assert [PAUSED.event, DONE.event] == [fact.event for fact in told_facts([PAUSED, DONE])]


def test_an_answer_is_told_with_its_positions() -> None:
    facts = told_facts([PAUSED])
    answer = Answer(4, 4, (PAUSED,), repeated=True)
    assert Told(first=4, last=4, facts=facts, repeated=True) == told(answer)
    assert Told() == told(Answer())
