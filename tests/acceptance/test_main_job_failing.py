"""The main job, row by row, when something on the way fails: A10 to A13."""

from threading import Event

import pytest

from tests.acceptance.site import DATA, Site
from tests.crash.waiting import until
from tests.servers import Answer, Asked

pytestmark = pytest.mark.acceptance
SYNC = "api.scheduler.sync"
# Delays are jittered down to nothing: so many attempts last longer than anybody takes to look.
RETRY = ("--retry-max-attempts", "100", "--retry-initial", "2s", "--retry-max-delay", "2s")


@pytest.mark.parametrize(
    ("answer", "told"),
    [(Answer(status=500, body=b"broken"), "500"), (Answer(hangs=True), "2s")],
    ids=["answers 500", "times out"],
)
def test_a10_a_failing_endpoint_fails_the_attempt_and_nothing_else_happens(
    site: Site, answer: Answer, told: str
) -> None:
    site.web.answer = answer
    site.say(
        "job", "add", "sync", SYNC, "--manual", "--retry-max-attempts", "2", "--retry-initial", "1s"
    )
    site.serve()
    site.say("run", "start", "sync", "--wait", code=6)
    (run,) = site.runs("sync")
    assert ("failed", 2) == (run["status"], run["attempts"])
    assert told in run["error"]
    assert [] == site.mail.taken
    assert site.stored() is None


def test_a10_an_endpoint_that_is_not_there_fails_the_attempt(site: Site) -> None:
    site.settings(web="http://127.0.0.1:9")
    site.say("job", "add", "sync", SYNC, "--manual")
    site.serve()
    site.say("run", "start", "sync", "--wait", code=6)
    (run,) = site.runs("sync")
    assert "My Data Source" in run["error"]
    assert [] == site.mail.taken


def test_a11_a_refused_mail_is_no_success_and_its_retry_repeats_no_finished_step(
    site: Site,
) -> None:
    site.mail.answer_to_mail = "451 later"
    site.say("job", "add", "sync", SYNC, "--manual", *RETRY)
    site.serve()
    site.say("run", "start", "sync")
    until(lambda: [run for run in site.runs("sync") if run["error"]], "a failed attempt")
    site.web.answer = Answer(body=b"changed in the meantime")
    site.mail.answer_to_mail = "250 taken"
    (run,) = site.ended("sync")
    assert run["attempts"] > 1
    assert 1 == site.hits()
    assert DATA == site.stored()
    assert 1 == len(site.mail.taken)


def test_a11_any_refused_recipient_fails_the_mail_by_name(site: Site) -> None:
    site.mail.refused["hello.cc@example.com"] = "550 unknown"
    site.say("job", "add", "sync", SYNC, "--manual")
    site.serve()
    site.say("run", "start", "sync", "--wait", code=6)
    (run,) = site.runs("sync")
    assert "hello.cc@example.com" in run["error"]
    assert [] == site.mail.taken


def test_a12_redis_down_after_the_mail_repeats_only_that_step(site: Site) -> None:
    site.store.kill()
    site.say("job", "add", "sync", "api.scheduler.mail-first", "--manual", *RETRY)
    site.serve()
    site.say("run", "start", "sync")
    until(lambda: [run for run in site.runs("sync") if run["error"]], "a failed attempt")
    (run,) = site.runs("sync")
    assert "Store" in run["error"]
    site.store.start()
    (run,) = site.ended("sync")
    assert run["attempts"] > 1
    assert (1, 1, DATA) == (site.hits(), len(site.mail.taken), site.stored())


def test_a13_a_kill_between_fetch_and_mail_is_settled_by_the_policy(site: Site) -> None:
    asked, go_on = Event(), Event()

    def hang_once(_: Asked) -> Answer:
        if not asked.is_set():
            asked.set()
            go_on.wait(60)
        return Answer(body=DATA.encode())

    site.web.answer = hang_once
    site.settings(web=site.web.url)
    site.say("job", "add", "sync", SYNC, "--every", "2s", "--overlap", "skip")
    site.serve()
    assert asked.wait(30)
    site.kill()
    go_on.set()
    site.serve()
    first, *_ = site.ended("sync", 2)
    assert 2 == first["attempts"]
    statuses = {run["status"] for run in site.runs("sync")[:2]}
    assert {"succeeded"} == statuses
    assert "interrupted" in site.say("log", "list", "--type", "attempt-interrupted")


def test_a13_a_held_run_waits_for_a_person(site: Site) -> None:
    asked, go_on = Event(), Event()

    def hang_once(_: Asked) -> Answer:
        if not asked.is_set():
            asked.set()
            go_on.wait(60)
        return Answer(body=DATA.encode())

    site.web.answer = hang_once
    site.say("job", "add", "sync", SYNC, "--manual", "--on-crash", "hold")
    site.serve()
    site.say("run", "start", "sync")
    assert asked.wait(30)
    site.kill()
    go_on.set()
    site.serve()
    (run,) = site.ended("sync", status="held")
    assert [] == site.mail.taken
    site.say("run", "resolve", run["run"], "--as", "retry")
    site.ended("sync")
    assert 1 == len(site.mail.taken)
