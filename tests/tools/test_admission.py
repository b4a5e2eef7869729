"""What stands before deciding: a reason where one is wanted, a service, an input as it is kept."""

import pytest
from msgspec.structs import replace

from scheduler.model import commands as c
from scheduler.model.content import Payload, digest_of, payload_of
from scheduler.model.errors import BadInput
from scheduler.model.jobs import Definition, JobId, RunId
from scheduler.model.limits import INPUT_BYTES_MAX, SALT_BYTES
from services.failures import Failure
from services.loading import Loaded
from services.registry import Registry
from tests.tools.making import defining, definition, triggering
from tools.admission import Admission, Jobs
from tools.settings import Settings
from tools.wishes import Wish

HELD = digest_of(b"held")
SALT = b"0123456789abcdef"
SALTED, SALTED_CONTENTS = payload_of("held back", salt=b"fedcba9876543210")
LARGE = digest_of(bytes(INPUT_BYTES_MAX + SALT_BYTES + 1))
CONTENT = {HELD: b"held", LARGE: bytes(INPUT_BYTES_MAX + SALT_BYTES + 1), **SALTED_CONTENTS}
NONE = Jobs(lambda job: None, lambda name: None)


def registry(*names: str) -> Registry:
    made = Registry()
    for name in names:
        made.service(name)(lambda: None)
    return made


def admission(*failures: Failure, require_reason: bool = False) -> Admission:
    loaded = Loaded(registry("say.hello", "say.bye"), failures, ())
    settings = Settings(require_reason=require_reason)
    return Admission(settings, lambda: loaded, CONTENT.get, lambda: SALT)


def standing(definition: Definition) -> Jobs:
    """Return the jobs of a log that has this one."""
    return Jobs(lambda job: definition, lambda name: definition)


def check(wish: Wish, service: str | None = None) -> Wish:
    jobs = NONE if service is None else standing(definition(service=service))
    return admission().admitted(wish, jobs)


def test_a_job_that_calls_a_known_service_passes() -> None:
    check(Wish(command=defining()))


def test_an_unknown_service_is_refused_with_the_nearest_and_with_what_was_not_loaded() -> None:
    failure = Failure(source="jobs/sync.py", kind="ModuleNotFoundError", message="pandas", line=3)
    with pytest.raises(BadInput) as refused:
        admission(failure).admitted(Wish(command=defining(service="say.helo")), NONE)
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

    gate = Admission(Settings(), never, CONTENT.get, lambda: SALT)
    gate.admitted(Wish(command=triggering(JobId("1"))), NONE)


@pytest.mark.parametrize("reason", [None, "", " \n"])
def test_a_reason_is_asked_of_every_wish_where_it_is_wanted(reason: str | None) -> None:
    gate = admission(require_reason=True)
    for command in (defining(), c.PauseJob(job=JobId("1")), c.AcceptClock()):
        with pytest.raises(BadInput, match=r"\$\.reason: is missing"):
            gate.admitted(Wish(command=command, reason=reason), NONE)
        gate.admitted(Wish(command=command, reason="because"), NONE)


def with_input(given: Payload, *, is_private: bool = False) -> c.DefineJob:
    """Return the wish for a job with an input."""
    wish = defining()
    return replace(wish, definition=replace(wish.definition, input=given, private=is_private))


def input_of(wish: Wish) -> Payload | None:
    command = wish.command
    if isinstance(command, c.DefineJob | c.ReviseJob):
        return command.definition.input
    assert isinstance(command, c.TriggerJob)
    return command.input


def test_an_input_that_comes_along_passes_as_it_is() -> None:
    payload, contents = payload_of("x" * 5_000)
    wish = Wish(command=replace(triggering(JobId("1")), input=payload), contents=contents)
    assert wish == check(wish)


def test_an_input_that_is_named_must_be_there_and_is_written_again_so_that_it_stays() -> None:
    wish = Wish(command=replace(triggering(JobId("1")), input=Payload(digest=HELD, size=4)))
    assert replace(wish, contents={HELD: b"held"}) == check(wish)
    gone = Wish(command=replace(triggering(JobId("1")), input=Payload(digest="b" * 64, size=4)))
    with pytest.raises(BadInput, match=r"\$\.input: the log holds no content b+"):
        check(gone)


def test_an_input_that_a_job_has_already_may_have_been_erased() -> None:
    command = with_input(Payload(digest="b" * 64, size=4))
    wish = Wish(command=c.ReviseJob(job=command.job, definition=command.definition))
    assert wish == admission().admitted(wish, standing(command.definition))


def test_content_that_is_too_large_for_an_input_cannot_be_named_as_one() -> None:
    wish = Wish(command=with_input(Payload(digest=LARGE, size=1)))
    with pytest.raises(BadInput, match=r"\$\.input: has 524,305 bytes; at most 524,288"):
        check(wish)


def with_callbacks(**callbacks: str) -> Definition:
    return replace(definition(), **callbacks)


@pytest.mark.parametrize("field", ["on_success", "on_failure"])
def test_a_callback_to_an_unknown_service_is_refused_at_its_field(field: str) -> None:
    wrong = c.DefineJob(job=JobId("1"), definition=with_callbacks(**{field: "service:say.helo"}))
    with pytest.raises(BadInput) as refused:
        check(Wish(command=wrong))
    assert [f"$.{field}"] == [problem.path for problem in refused.value.problems]
    assert wrong == check(Wish(command=wrong, unchecked=True)).command


@pytest.mark.parametrize("callback", ["service:say.bye", "job:anything"])
def test_a_callback_to_a_known_service_or_to_a_job_passes(callback: str) -> None:
    check(Wish(command=c.DefineJob(job=JobId("1"), definition=with_callbacks(on_success=callback))))


def test_a_callback_that_the_job_has_already_may_have_gone() -> None:
    gone = with_callbacks(on_failure="service:long.gone")
    edit = c.ReviseJob(job=JobId("1"), definition=replace(gone, description="new"))
    admission().admitted(Wish(command=edit), standing(gone))
    with pytest.raises(BadInput):
        admission().admitted(Wish(command=edit), standing(definition()))


def test_a_private_jobs_input_is_kept_behind_a_salt_at_any_size() -> None:
    salted = SALT + b"hush"
    expected = Payload(digest=digest_of(salted), size=4, salted=True)
    found = check(Wish(command=with_input(Payload(text="hush"), is_private=True)))
    assert (expected, {digest_of(salted): salted}) == (input_of(found), found.contents)
    private = standing(replace(definition(), private=True))
    run = Wish(command=replace(triggering(JobId("1")), input=Payload(text="hush")))
    found = admission().admitted(run, private)
    assert (expected, {digest_of(salted): salted}) == (input_of(found), found.contents)


def test_a_private_job_defined_again_with_the_same_input_keeps_the_one_it_has() -> None:
    before = with_input(SALTED, is_private=True).definition
    for given, expected in (
        (Payload(text="held back"), SALTED),
        (SALTED, SALTED),
        (Payload(text="held back", kind="json"), None),
        (Payload(text="held"), None),
    ):
        wish = Wish(command=with_input(given, is_private=True))
        found = admission().admitted(wish, standing(before))
        if expected is not None:
            assert (expected, {}) == (input_of(found), found.contents)
        else:
            assert SALTED != input_of(found)
            assert 1 == len(found.contents)


def test_an_input_is_kept_as_its_job_is_now_private_or_not() -> None:
    open_job = with_input(SALTED).definition
    found = admission().admitted(Wish(command=with_input(SALTED)), standing(open_job))
    assert Payload(text="held back") == input_of(found)
    plain = with_input(Payload(digest=HELD, size=4), is_private=True)
    found = admission().admitted(Wish(command=plain), standing(plain.definition))
    assert Payload(digest=digest_of(SALT + b"held"), size=4, salted=True) == input_of(found)


def test_a_service_called_by_hand_has_an_input_like_any_other() -> None:
    command = c.CallService(run=RunId("1"), service="say.hello", input=Payload(digest=HELD, size=4))
    assert {HELD: b"held"} == check(Wish(command=command)).contents
