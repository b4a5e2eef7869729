"""What stands before deciding: a reason where one is wanted, a service, an input that is there."""

import msgspec
import pytest

from scheduler.model import commands as c
from scheduler.model.content import Payload
from scheduler.model.errors import BadInput
from scheduler.model.jobs import JobId
from services.failures import Failure
from services.loading import Loaded
from services.registry import Registry
from tests.tools.making import defining, definition, triggering
from tools.admission import Admission
from tools.settings import Settings
from tools.wishes import Wish

HELD = "a" * 64


def registry(*names: str) -> Registry:
    made = Registry()
    for name in names:
        made.service(name)(lambda: None)
    return made


def admission(*failures: Failure, require_reason: bool = False) -> Admission:
    loaded = Loaded(registry("say.hello", "say.bye"), failures, ())
    settings = Settings(require_reason=require_reason)
    return Admission(settings, lambda: loaded, lambda digest: digest == HELD)


def check(wish: Wish, service: str | None = None) -> None:
    admission().check(wish, lambda job: service)


def test_a_job_that_calls_a_known_service_passes() -> None:
    check(Wish(command=defining()))


def test_an_unknown_service_is_refused_with_the_nearest_and_with_what_was_not_loaded() -> None:
    failure = Failure(source="jobs/sync.py", kind="ModuleNotFoundError", message="pandas", line=3)
    with pytest.raises(BadInput) as refused:
        admission(failure).check(Wish(command=defining(service="say.helo")), lambda job: None)
    assert (
        '$.service: no service "say.helo". Known: say.bye, say.hello. Did you mean say.hello?'
        " jobs/sync.py was not loaded: ModuleNotFoundError: pandas (line 3)."
    ) == str(refused.value)


def test_an_unknown_service_passes_when_it_is_said_so() -> None:
    check(Wish(command=defining(service="elsewhere"), unchecked=True))


def test_a_job_may_keep_a_service_that_has_gone() -> None:
    wish = Wish(command=c.ReviseJob(job=JobId("1"), definition=definition(service="gone")))
    check(wish, "gone")
    with pytest.raises(BadInput):
        check(wish, "say.hello")


def test_services_are_not_loaded_for_wishes_that_name_none() -> None:
    def never() -> Loaded:
        raise AssertionError("nobody asked for a service")

    Admission(Settings(), never, lambda digest: True).check(
        Wish(command=triggering(JobId("1"))), lambda job: None
    )


@pytest.mark.parametrize("reason", [None, "", " \n"])
def test_a_reason_is_asked_of_every_wish_where_it_is_wanted(reason: str | None) -> None:
    gate = admission(require_reason=True)
    for command in (defining(), c.PauseJob(job=JobId("1")), c.AcceptClock()):
        with pytest.raises(BadInput, match=r"\$\.reason: is missing"):
            gate.check(Wish(command=command, reason=reason), lambda job: None)
        gate.check(Wish(command=command, reason="because"), lambda job: None)


def test_an_input_must_come_along_or_be_there() -> None:
    for digest, contents, passes in (
        (HELD, {}, True),
        ("b" * 64, {"b" * 64: b"x"}, True),
        ("b" * 64, {}, False),
    ):
        command = msgspec.structs.replace(
            triggering(JobId("1")), input=Payload(digest=digest, size=1)
        )
        wish = Wish(command=command, contents=contents)
        if passes:
            check(wish)
        else:
            with pytest.raises(BadInput, match=r"\$\.input: the log holds no content b+"):
                check(wish)
