"""A command that owns the log for a moment: decided, durable, in the views, and let go."""

import os
from pathlib import Path

import msgspec
import pytest

from projections import read_jobs, read_runs
from scheduler.executor.owner import acquire, who_owns
from scheduler.model import commands as c
from scheduler.model.content import Payload
from scheduler.model.errors import BadInput, Conflict, KeyReused, NotFound, VersionConflict
from scheduler.model.jobs import JobId, RunId
from scheduler.model.plain_inputs import read_input
from tests.tools.making import CLOCK, defining, definition, triggering
from tools.app import open_reading, open_wishes
from tools.owning import Owning
from tools.settings import Settings
from tools.wishes import Told, Wish


def test_a_wish_is_durable_and_in_the_views_when_it_is_answered(settings: Settings) -> None:
    command = defining()
    with open_wishes(settings) as wishes:
        assert isinstance(wishes, Owning)
        told = wishes.ask(command, reason="because", on_behalf_of="ann")
        with open_reading(settings) as reading:
            assert command.job == read_jobs.job(reading.views, "report").job_id
    assert (2, 2, ["job-defined"]) == (told.first, told.last, [fact.type for fact in told.facts])
    with open_reading(settings) as reading:
        recorded = reading.log.read(after=1)[0]
    assert recorded.meta is not None
    assert (f"uid {os.getuid()}", "because", "ann", "cli") == (
        recorded.meta.actor.partition(" (")[0],
        recorded.meta.reason,
        recorded.meta.on_behalf_of,
        recorded.meta.channel,
    )


def test_the_log_is_free_again_afterwards(settings: Settings) -> None:
    with open_wishes(settings) as wishes:
        wishes.ask(defining())
        assert who_owns(settings.db) is not None
    assert who_owns(settings.db) is None


def test_the_log_is_free_again_when_it_could_not_be_opened(tmp_path: Path) -> None:
    settings = Settings(db=tmp_path / "h.db")
    settings.db.write_bytes(b"something else")
    with pytest.raises(Exception, match=r"h\.db"):
        open_wishes(settings)
    assert who_owns(settings.db) is None


def test_a_told_event_can_be_had_as_the_event_itself(settings: Settings) -> None:
    command = defining()
    with open_wishes(settings) as wishes:
        event = wishes.ask(command).facts[0].event
    assert (command.job, command.definition) == (
        getattr(event, "job", None),
        getattr(event, "definition", None),
    )


def test_a_dry_run_tells_and_stores_nothing(settings: Settings) -> None:
    with open_wishes(settings) as wishes:
        told = wishes.ask(defining(), dry_run=True)
    assert (None, ["job-defined"]) == (told.last, [fact.type for fact in told.facts])
    with open_reading(settings) as reading:
        assert 1 == reading.log.head().position


def test_a_wish_that_changes_nothing_has_no_facts(settings: Settings) -> None:
    with open_wishes(settings) as wishes:
        wishes.ask(defining())
        assert Told() == wishes.ask(defining())


def test_a_repeated_key_is_answered_as_before_and_another_wish_under_it_is_refused(
    settings: Settings,
) -> None:
    with open_wishes(settings) as wishes:
        first = wishes.ask(defining(), key="k")
        again = wishes.ask(defining(), key="k")
        assert msgspec.structs.replace(first, repeated=True) == again
        with pytest.raises(KeyReused):
            wishes.ask(defining("another"), key="k")


def test_an_unknown_service_is_refused_with_the_known_ones(settings: Settings) -> None:
    with open_wishes(settings) as wishes:
        with pytest.raises(BadInput) as refused:
            wishes.ask(defining(service="say.helo"))
        assert (
            '$.service: no service "say.helo". Known: fail.always, say.hello, '
            "command.run, email.send, http.request, redis.set, shell.run, sql.execute "
            "(1 more: horolog service list). Did you mean say.hello?"
        ) == str(refused.value)
        assert wishes.ask(defining(service="say.helo"), unchecked=True).last == 2


def test_a_file_that_was_not_loaded_is_named_with_the_unknown_service(settings: Settings) -> None:
    (settings.base / "jobs.py").write_text("import no_such_module")
    with open_wishes(settings) as wishes, pytest.raises(BadInput) as refused:
        wishes.ask(defining())
    assert "jobs.py was not loaded: ModuleNotFoundError" in str(refused.value)


def test_a_job_whose_service_has_gone_can_still_be_edited(settings: Settings) -> None:
    command = defining(service="gone")
    edited = msgspec.structs.replace(command.definition, description="still here")
    with open_wishes(settings) as wishes:
        wishes.ask(command, unchecked=True)
        assert wishes.ask(c.ReviseJob(job=command.job, definition=edited)).facts
        other = msgspec.structs.replace(edited, service="gone.too")
        with pytest.raises(BadInput):
            wishes.ask(c.ReviseJob(job=command.job, definition=other))


def test_an_input_that_the_log_does_not_hold_is_refused(settings: Settings) -> None:
    unknown = msgspec.structs.replace(definition(), input=Payload(digest="0" * 64, size=3))
    with open_wishes(settings) as wishes, pytest.raises(BadInput, match="holds no content"):
        wishes.ask(c.DefineJob(job=JobId(CLOCK.new_id()), definition=unknown))


def test_an_input_that_the_log_holds_may_be_named_by_its_digest(settings: Settings) -> None:
    payload, contents = read_input("x" * 5_000, "$.input")
    with_input = msgspec.structs.replace(definition(), input=payload)
    command = c.DefineJob(job=JobId(CLOCK.new_id()), definition=with_input)
    with open_wishes(settings) as wishes:
        wishes.ask(command, contents=contents)
        edited = msgspec.structs.replace(with_input, description="same input")
        assert wishes.ask(c.ReviseJob(job=command.job, definition=edited)).facts


def test_a_log_that_asks_for_reasons_takes_no_change_without_one(settings: Settings) -> None:
    strict = msgspec.structs.replace(settings, require_reason=True)
    with open_wishes(strict) as wishes:
        for reason in (None, "", "  "):
            with pytest.raises(BadInput, match=r"\$\.reason: is missing"):
                wishes.ask(defining(), reason=reason)
        assert wishes.ask(defining(), reason="asked for").facts


def test_a_wish_about_a_job_that_is_not_there_is_refused(settings: Settings) -> None:
    with open_wishes(settings) as wishes, pytest.raises(NotFound):
        wishes.ask(c.PauseJob(job=JobId("nobody")))


def test_many_wishes_are_answered_each_for_itself_in_order(settings: Settings) -> None:
    commands = [
        defining("a"),
        defining("b", service="nope"),
        defining("a", service="fail.always"),
        defining("c"),
    ]
    with open_wishes(settings) as wishes:
        answers = wishes.ask_all([Wish(command=command) for command in commands])
    assert [Told, BadInput, Conflict, Told] == [type(answer) for answer in answers]
    with open_reading(settings) as reading:
        assert ["a", "c"] == [row.name for row in read_jobs.jobs(reading.views)]


def test_a_thousand_wishes_are_answered(settings: Settings) -> None:
    wishes = [Wish(command=defining(f"job-{number}")) for number in range(1_000)]
    with open_wishes(settings) as opened:
        answers = opened.ask_all(wishes)
    assert list(range(2, 1_002)) == [answer.last for answer in answers if isinstance(answer, Told)]


def test_one_wish_that_the_log_refuses_takes_no_other_with_it(settings: Settings) -> None:
    gone = defining("gone")
    with open_wishes(settings) as opened:
        opened.ask(gone)
        opened.ask(c.RemoveJob(job=gone.job))
        again = c.DefineJob(job=gone.job, definition=definition("again"))  # an id that was used
        wishes = [Wish(command=one) for one in (defining("a"), again, defining("b"), defining("c"))]
        answers = opened.ask_all(wishes)
    assert [Told, VersionConflict, Told, Told] == [type(answer) for answer in answers]
    with open_reading(settings) as reading:
        assert ["a", "b", "c"] == [row.name for row in read_jobs.jobs(reading.views)]


def test_a_run_asked_for_without_a_server_waits_and_can_be_cancelled(settings: Settings) -> None:
    command = defining()
    with open_wishes(settings) as wishes:
        wishes.ask(command)
        run = triggering(command.job)
        wishes.ask(run)
        with open_reading(settings) as reading:
            assert "waiting" == read_runs.run(reading.views, run.run).status
        wishes.ask(c.CancelRun(run=RunId(run.run)), stream=f"call/{run.run}")
    with open_reading(settings) as reading:
        assert "cancelled" == read_runs.run(reading.views, run.run).status


def test_a_write_does_not_need_the_views(settings: Settings) -> None:
    (settings.base / "horolog.db.views").mkdir()  # where no file can be made
    with open_wishes(settings) as wishes:
        assert wishes.ask(defining()).facts
    with open_reading(settings) as reading:
        assert ["report"] == [row.name for row in read_jobs.jobs(reading.views)]


def test_two_commands_never_own_the_log_at_once(settings: Settings) -> None:
    with open_wishes(settings), pytest.raises(Conflict):
        acquire(settings.db, since=CLOCK.now(), host="here")
