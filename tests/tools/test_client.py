"""Commands that a server carries out: asked over its socket, answered or refused as if here."""

import os
import socket
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from projections import read_jobs, read_runs
from scheduler.executor.owner import OwnerRecord, who_owns
from scheduler.log.contract import ContentState
from scheduler.model import commands as c
from scheduler.model.content import Payload, payload_of, text_of
from scheduler.model.errors import (
    BadInput,
    Conflict,
    HorologError,
    KeyReused,
    NotAuthorised,
    NotFound,
    Unreachable,
)
from scheduler.model.events import ContentErased, JobDefined, RunSucceeded
from scheduler.model.jobs import JobId, RunId
from scheduler.model.plain_inputs import read_input
from tests.tools.making import CLOCK, FAR, defining, definition, triggering
from tools import client as module
from tools.app import open_reading, open_wishes
from tools.client import Client
from tools.serving import Served
from tools.settings import Settings
from tools.web import routes
from tools.wishes import Told, Wish


def test_a_command_finds_the_server_and_its_change_can_be_read_at_once(served: Served) -> None:
    command = defining()
    with open_wishes(served.settings) as wishes:
        assert isinstance(wishes, Client)
        told = wishes.ask(command, reason="because", on_behalf_of="ann")
    assert ["job-defined"] == [fact.type for fact in told.facts]
    with open_reading(served.settings) as reading:
        assert command.job == read_jobs.job(reading.views, "report").job_id
        assert told.last is not None
        recorded = reading.log.read(after=told.last - 1)[0]
    assert recorded.meta is not None
    assert (f"uid {os.getuid()}", "because", "ann", "socket") == (
        recorded.meta.actor.partition(" (")[0],
        recorded.meta.reason,
        recorded.meta.on_behalf_of,
        recorded.meta.channel,
    )


def test_every_command_is_carried_out(client: Client) -> None:
    job = defining().job
    defined = c.DefineJob(job=job, definition=definition())
    edited = msgspec.structs.replace(definition(), description="edited")
    asked: list[tuple[c.AnyCommand, list[str]]] = [
        (defined, ["job-defined"]),
        (c.ReviseJob(job=job, definition=edited), ["job-revised"]),
        (c.RenameJob(job=job, name="renamed/ż"), ["job-renamed"]),
        (c.PauseJob(job=job), ["job-paused"]),
        (c.ResumeJob(job=job, missed="latest"), ["job-resumed"]),
        (c.TriggerJob(job=job, run=RunId(CLOCK.new_id())), ["run-planned"]),
        (c.PauseSystem(), ["system-paused"]),
        (c.ResumeSystem(), ["system-resumed"]),
        (c.AcceptClock(), []),
        (c.EraseContent(digests=("a" * 64,)), []),
    ]
    for command, types in asked:
        assert types == [fact.type for fact in client.ask(command).facts], command
    assert "job-removed" in [fact.type for fact in client.ask(c.RemoveJob(job=job)).facts]


def test_what_a_server_has_erased_is_gone_when_it_answers(client: Client, served: Served) -> None:
    payload, contents = payload_of("a secret " * 1_000)
    command = defining()
    client.ask(command)
    run = c.TriggerJob(job=command.job, run=RunId(CLOCK.new_id()), input=payload)
    client.ask(run, contents=contents)
    position = 0
    while served.log.wait(position, 10.0):
        position = served.log.head().position
        if any(isinstance(one.event, RunSucceeded) for one in served.log.read()):
            break
    digest = payload.digest or ""
    (fact,) = client.ask(c.EraseContent(digests=(digest,)), reason="asked to forget").facts
    assert ContentErased(digests=(digest,), count=1) == fact.event
    assert ContentState(None, is_erased=True) == served.log.content_state(digest)
    with closing(sqlite3.connect(served.settings.db)) as db:
        sql = "SELECT bytes FROM content WHERE digest = ?"
        assert (None,) == db.execute(sql, (bytes.fromhex(digest),)).fetchone()
    assert served.log.verify().fault is None


def test_a_private_input_travels_whole_and_is_kept_behind_a_salt(
    client: Client, served: Served
) -> None:
    private = msgspec.structs.replace(
        definition(), input=Payload(text="the key"), private=True, schedule=FAR
    )
    command = c.DefineJob(job=JobId(CLOCK.new_id()), definition=private)
    (fact,) = client.ask(command, key="k1").facts
    (again,) = client.ask(command, key="k1").facts
    assert fact == again
    event = fact.event
    assert isinstance(event, JobDefined)
    kept = event.definition.input
    assert kept is not None
    assert (True, None, 7) == (kept.salted, kept.text, kept.size)
    assert "the key" == text_of(kept, served.log.content(kept.digest or ""))
    assert () == client.ask(c.DefineJob(job=JobId(CLOCK.new_id()), definition=private)).facts


def test_an_ended_run_is_found_by_its_id_alone(client: Client, served: Served) -> None:
    job = defining(service="fail.always")
    client.ask(job)
    run = triggering(job.job)
    client.ask(run)
    ended(served, run.run)
    assert "run-reopened" in [fact.type for fact in client.ask(c.RetryRun(run=run.run)).facts]


def ended(served: Served, run: RunId) -> None:
    """Wait until the run has ended, as the log grows."""
    position = 0
    while served.log.wait(position, 10.0):
        for recorded in served.log.read(after=position):
            position = recorded.position
            if getattr(recorded.event, "run", None) == run and (
                type(recorded.event).__name__ in {"RunFailed", "RunSucceeded"}
            ):
                return
    raise AssertionError("the log does not grow")


def test_what_the_server_refuses_is_raised_here(client: Client) -> None:
    client.ask(defining())
    with pytest.raises(Conflict, match="already a job"):
        client.ask(defining(service="fail.always"))
    with pytest.raises(NotFound):
        client.ask(c.PauseJob(job=JobId("0193f6a2-7c1e-7abc-8def-0123456789ab")))
    with pytest.raises(BadInput, match=r"no service \"nope\"") as refused:
        client.ask(defining("other", service="nope"))
    assert "$.service" == refused.value.problems[0].path
    assert client.ask(defining("other", service="nope"), unchecked=True).facts


def test_a_repeated_key_is_answered_once_whatever_ids_were_made_for_it(client: Client) -> None:
    first = client.ask(defining(), key="k")
    again = client.ask(defining(), key="k")
    assert msgspec.structs.replace(first, repeated=True) == again
    with pytest.raises(KeyReused):
        client.ask(defining("other"), key="k")


def test_a_large_input_arrives_whole(client: Client, served: Served) -> None:
    payload, contents = read_input("ż" * 5_000, "$.input")
    job = defining()
    client.ask(job)
    run = c.TriggerJob(job=job.job, run=RunId(CLOCK.new_id()), input=payload)
    client.ask(run, contents=contents)
    with open_reading(served.settings) as reading:
        assert payload == read_runs.run(reading.views, run.run).input
        assert payload.digest is not None
        assert "ż" * 5_000 == (reading.log.content(payload.digest) or b"").decode()


def test_an_input_that_the_log_does_not_hold_is_refused(client: Client) -> None:
    unknown = msgspec.structs.replace(definition(), input=Payload(digest="0" * 64, size=3))
    with pytest.raises(BadInput, match="holds no content"):
        client.ask(c.DefineJob(job=JobId(CLOCK.new_id()), definition=unknown))


def test_an_id_that_was_used_before_is_replaced(client: Client) -> None:
    gone = defining("gone")
    client.ask(gone)
    client.ask(c.RemoveJob(job=gone.job))
    told = client.ask(c.DefineJob(job=gone.job, definition=definition("again")))
    assert gone.job != told.facts[0].body["job"]


def test_an_id_that_was_used_before_is_replaced_among_many(client: Client) -> None:
    gone = defining("gone")
    client.ask(gone)
    client.ask(c.RemoveJob(job=gone.job))
    again = c.DefineJob(job=gone.job, definition=definition("again"))
    answers = client.ask_all([Wish(command=one) for one in (defining("a"), again, defining("b"))])
    assert [Told, Told, Told] == [type(answer) for answer in answers]


def test_a_dry_run_tells_and_stores_nothing(client: Client, served: Served) -> None:
    before = served.log.head()
    told = client.ask(defining(), dry_run=True)
    assert (None, ["job-defined"]) == (told.last, [fact.type for fact in told.facts])
    assert before == served.log.head()


def test_many_wishes_are_answered_each_for_itself_in_order(client: Client) -> None:
    commands = [defining("a"), defining("b", service="nope"), defining("a", service="fail.always")]
    wishes = [Wish(command=command, reason="many") for command in [*commands, defining("c")]]
    answers = client.ask_all(wishes)
    assert [Told, BadInput, Conflict, Told] == [type(answer) for answer in answers]


def test_more_wishes_than_one_request_holds_are_split(client: Client) -> None:
    answers = client.ask_all([Wish(command=defining(f"job-{number}")) for number in range(1_200)])
    assert 1_200 == len([answer for answer in answers if isinstance(answer, Told) and answer.last])


def test_wishes_too_large_for_one_request_are_split(client: Client) -> None:
    text = "x" * 200_000
    payload, contents = read_input(text, "$.input")
    wishes = [
        Wish(
            command=c.DefineJob(
                job=JobId(CLOCK.new_id()),
                definition=msgspec.structs.replace(definition(f"job-{number}"), input=payload),
            ),
            contents=contents,
        )
        for number in range(12)
    ]
    assert 12 == len([one for one in client.ask_all(wishes) if isinstance(one, Told) and one.last])


def test_a_wish_larger_than_a_request_is_refused(client: Client) -> None:
    payload, contents = read_input('"' * 524_288, "$.input")  # each is two bytes in JSON
    job = defining()
    client.ask(job)
    with pytest.raises(HorologError, match="more than 1,048,576 bytes"):
        client.ask(
            c.TriggerJob(job=job.job, run=RunId(CLOCK.new_id()), input=payload), contents=contents
        )


# -- servers that do not behave


@contextmanager
def pretending(path: Path, answer: bytes | None) -> Iterator[OwnerRecord]:
    """Be a server that reads a request and then answers so, or breaks off."""
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()

        def serve() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(1_000_000)
                if answer is not None:
                    connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield OwnerRecord(812, "web-1", CLOCK.now(), str(path))
        thread.join()


def test_a_connection_that_breaks_leaves_a_wish_in_doubt_with_its_key(tmp_path: Path) -> None:
    with (
        pretending(tmp_path / "s", None) as owner,
        Client(Path("h.db"), owner, CLOCK) as client,
        pytest.raises(Unreachable, match=r"pid 812\) broke off; .* in doubt.* --key my-key"),
    ):
        client.ask(defining(), key="my-key")


@pytest.mark.parametrize("part", [b"", b'{"first": 1', b'{"first": 1}'])
@pytest.mark.parametrize("status", [b"200 OK", b"409 Conflict"])
def test_an_answer_that_breaks_off_in_the_middle_leaves_a_wish_in_doubt(
    tmp_path: Path, status: bytes, part: bytes
) -> None:
    answer = b"HTTP/1.1 " + status + b"\r\nContent-Length: 100\r\n\r\n" + part
    with (
        pretending(tmp_path / "s", answer) as owner,
        Client(Path("h.db"), owner, CLOCK) as client,
        pytest.raises(Unreachable, match=r"broke off; .* in doubt.* --key my-key"),
    ):
        client.ask(defining(), key="my-key")


def test_a_question_that_gets_no_answer_is_not_in_doubt(tmp_path: Path) -> None:
    with (
        pretending(tmp_path / "s", None) as owner,
        Client(Path("h.db"), owner, CLOCK) as client,
        pytest.raises(Unreachable, match=r"broke off\. Try again"),
    ):
        client.get(routes.STATUS)


def test_an_answer_that_is_not_json_is_nobodys(tmp_path: Path) -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n<ok>"
    with (
        pretending(tmp_path / "s", answer) as owner,
        Client(Path("h.db"), owner, CLOCK) as client,
        pytest.raises(Unreachable, match=r"status 200\) is not JSON"),
    ):
        client.get(routes.STATUS)


def test_an_answer_that_does_not_come_is_not_waited_for_without_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ANSWER_PATIENCE", timedelta(milliseconds=50))
    with socket.socket(socket.AF_UNIX) as deaf:
        deaf.bind(str(tmp_path / "s"))
        deaf.listen()
        owner = OwnerRecord(812, "web-1", CLOCK.now(), str(tmp_path / "s"))
        with (
            Client(Path("h.db"), owner, CLOCK) as client,
            pytest.raises(Unreachable, match=r"in doubt.* --key my-key"),
        ):
            client.ask(defining(), key="my-key")


def test_what_is_no_http_at_all_is_nobodys(tmp_path: Path) -> None:
    with (
        pretending(tmp_path / "s", b"SSH-2.0\r\n") as owner,
        Client(Path("h.db"), owner, CLOCK) as client,
        pytest.raises(Unreachable, match="broke off"),
    ):
        client.get(routes.STATUS)


def test_an_owner_whose_socket_is_dead_is_named() -> None:
    since = CLOCK.now().replace(year=2026, month=3, day=1, hour=22, minute=4)
    owner = OwnerRecord(812, "web-1", since, "/nowhere/h.sock")
    with pytest.raises(Conflict) as refused:
        Client(Path("logs/horolog.db"), owner, CLOCK)
    assert (
        "horolog.db is owned by pid 812 on web-1 (serving since 2026-03-01 22:04 UTC), and its"
        " socket does not answer. If 812 is stuck: horolog doctor"
    ) == str(refused.value)


@pytest.mark.parametrize(
    ("mode", "told"),
    [
        (0o660, 'its socket belongs to group ".+"\\. Ask for the group$'),
        (0o600, "its socket is for .+ alone"),
    ],
)
def test_a_user_who_may_not_ask_is_told_whom_to_ask(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int, told: str
) -> None:
    path = tmp_path / "s"
    path.touch(mode=0o600)
    path.chmod(mode)

    def refuse(connection: module.UnixConnection) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(module.UnixConnection, "connect", refuse)
    with pytest.raises(
        NotAuthorised, match=rf"^You \(uid \d+, .+\) may not write to this log: {told}"
    ):
        Client(Path("h.db"), OwnerRecord(1, socket=str(path)), CLOCK)


def test_a_server_that_has_stopped_is_not_asked_again(settings: Settings, served: Served) -> None:
    owner = who_owns(settings.db)
    assert owner is not None
    served.stop()
    with pytest.raises(Conflict):
        Client(settings.db, owner, CLOCK)
    with open_wishes(settings) as wishes:
        assert not isinstance(wishes, Client)
        assert wishes.ask(defining()).facts
