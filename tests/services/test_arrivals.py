"""Workers whose services change while attempts come in."""

import threading

from services.context import Context
from services.invoke import Workers
from services.registry import Registry
from tests.services.making import Reports, invocation, unasked


def registry_of(name: str, text: str) -> Registry:
    made = Registry()
    made.service(name)(lambda: text)
    return made


def test_the_next_attempt_uses_the_new_code(workers: Workers, reports: Reports) -> None:
    for text in ("old", "new"):
        workers.use(registry_of("service", text))
        workers.start([invocation(run=text)], reports, unasked)
        result = reports.next().result
        assert result is not None
        assert f'"{text}"' == result.text


def test_an_attempt_that_is_out_keeps_its_code(
    workers: Workers, registry: Registry, reports: Reports
) -> None:
    begun, changed = threading.Event(), threading.Event()

    def work(ctx: Context) -> str:
        begun.set()
        changed.wait(30)
        return "old"

    registry.service("service")(work)
    workers.start([invocation()], reports, unasked)
    begun.wait(30)
    workers.use(registry_of("service", "new"))
    changed.set()
    result = reports.next().result
    assert result is not None
    assert '"old"' == result.text


def test_an_attempt_waits_for_a_service_that_may_be_about_to_come(
    workers: Workers, reports: Reports
) -> None:
    workers.use(Registry(), is_complete=False)
    workers.start([invocation()], reports, unasked)
    workers.use(Registry(), is_complete=False)
    assert reports.none_is_left()
    workers.use(registry_of("service", "late"))
    assert "succeeded" == reports.next().kind


def test_one_whose_service_never_came_is_told_so(workers: Workers, reports: Reports) -> None:
    workers.use(Registry(), is_complete=False)
    workers.start([invocation()], reports, unasked)
    workers.use(Registry())
    assert "no-service" == reports.next().kind


def test_one_that_waits_can_be_cancelled(workers: Workers, reports: Reports) -> None:
    workers.use(Registry(), is_complete=False)
    workers.start([invocation()], reports, unasked)
    assert workers.stop("run-1", 1, "cancelled")
    assert "cancelled" == reports.next().kind
    workers.use(registry_of("service", "late"))
    assert reports.none_is_left()


def test_one_that_waits_is_forgotten_when_the_workers_end(
    workers: Workers, reports: Reports
) -> None:
    workers.use(Registry(), is_complete=False)
    workers.start([invocation()], reports, unasked)
    workers.close()
    workers.use(registry_of("service", "late"))
    assert reports.none_is_left()
