"""`log list`, `show`, `tail` and `verify`: the events themselves."""

import sqlite3

import pytest

from scheduler.log.contract import Recorded
from scheduler.log.memory import MemoryLog
from scheduler.model.jobs import JobId
from scheduler.model.limits import PAGE_EVENTS_MAX, SHOWN_EVENTS_MAX
from tests.scheduler.log.writing import request, write
from tests.tools.cli.desk import Desk
from tools.cli.log import wanted


@pytest.fixture
def orders(desk: Desk) -> Desk:
    """Return a desk with two jobs, one of which has had a run by schedule and one by hand."""
    desk.done("job", "add", "orders", "a.ok", "--every", "10m", "--reason", "asked")
    desk.done("job", "add", "other", "b.ok", "--manual")
    desk.done("run", "start", "other")
    desk.carry_out(10 * 60)
    return desk


def types(desk: Desk, *words: str) -> list[str]:
    return [row["type"] for row in desk.done("log", "list", "--json=type", *words).json]


def test_events_are_listed_in_their_order(orders: Desk) -> None:
    assert ["log-created", "job-defined", "job-defined", "run-planned"] == types(orders)[:4]


def test_people_see_position_time_type_and_actor(orders: Desk) -> None:
    header, _, second = orders.done("log", "list", "--limit", "2").rows
    assert ["position", "recorded_at", "type", "stream", "actor", "reason"] == header
    assert ["2", "2026-03-02 13:00:00 CET", "job-defined"] == second[:3]
    assert "asked" == second[5]


def test_a_list_that_was_cut_tells_how_to_go_on(orders: Desk) -> None:
    printed = orders.done("log", "list", "--limit", "2")
    assert "2 events are shown; for the next: --after 2\n" == printed.err
    assert "3" == orders.done("log", "list", "--after", "2").rows[1][0]


def test_a_list_is_narrowed(orders: Desk) -> None:
    assert ["job-defined", "job-defined"] == types(orders, "--type", "job-defined")
    assert ["log-created", "job-defined"] == types(orders, "--until", "2")
    assert ["log-created"] == types(orders, "--stream", "system", "--until", "2")


def test_the_events_of_a_job_are_those_of_its_runs_too(orders: Desk) -> None:
    assert ["job-defined", "run-planned", "attempt-started", "run-succeeded"] == types(
        orders, "--job", "orders"
    )
    assert ["job-defined", "run-planned", "attempt-started", "run-succeeded"] == types(
        orders, "--job", "other"
    )


class Counted(MemoryLog):
    """A log that counts how often the first event of a stream is looked up."""

    looks = 0

    def read(
        self,
        *,
        after: int = 0,
        until: int | None = None,
        stream: str | None = None,
        limit: int = PAGE_EVENTS_MAX,
    ) -> list[Recorded]:
        self.looks += limit == 1
        return super().read(after=after, until=until, stream=stream, limit=limit)


@pytest.mark.parametrize(("room", "looks"), [(2, 2), (1, 4)])
def test_of_so_many_calls_it_is_remembered_whose_they_are(
    room: int, looks: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tools.cli.log.STREAMS_KNOWN_MAX", room)
    log = Counted(lambda: 0)
    for version in (0, 1):
        log.append(request(write("call/a", version), write("call/b", version)))
    assert [] == list(
        wanted(log, after=0, until=None, stream=None, job=JobId("no-one's"), types=())
    )
    assert looks == log.looks


@pytest.mark.parametrize("words", [("list", "--limit"), ("tail", "-n")])
def test_a_list_has_an_end(orders: Desk, words: tuple[str, ...]) -> None:
    printed = orders("log", *words, str(SHOWN_EVENTS_MAX + 1))
    assert 2 == printed.code
    assert "1000000" in printed.err


def test_a_type_that_is_none_is_refused_with_the_one_meant(orders: Desk) -> None:
    printed = orders("log", "list", "--type", "job-define", "--json")
    assert 2 == printed.code
    assert ("--type", "Did you mean job-defined?") == (
        printed.error["path"],
        printed.error["hint"],
    )


def test_one_event_is_shown_whole(orders: Desk) -> None:
    event = orders.done("log", "show", "2", "--json").json
    assert (2, "job-defined", 1, "cli") == (
        event["position"],
        event["type"],
        event["version"],
        event["channel"],
    )
    assert "orders" == event["body"]["definition"]["name"]


def test_an_event_that_is_not_there_names_the_last(orders: Desk) -> None:
    printed = orders("log", "show", "999")
    assert 3 == printed.code
    assert "The last one is" in printed.err


@pytest.mark.parametrize("position", ["0", "-1", "x", "1.5"])
def test_a_wrong_position_is_refused(orders: Desk, position: str) -> None:
    printed = orders("log", "show", "--json", "--", position)
    assert (2, "POSITION") == (printed.code, printed.error["path"])


def test_the_newest_events_come_at_the_end(orders: Desk) -> None:
    rows = orders.done("log", "tail", "-n", "2", "--jsonl").out.splitlines()
    assert 2 == len(rows)
    assert '"type":"system-stopped"' in rows[-1]


def test_following_has_no_end_and_is_no_json_list(orders: Desk) -> None:
    printed = orders("log", "tail", "-f", "--json")
    assert (2, "--json") == (printed.code, printed.error["path"])


def test_a_sound_log_verifies_and_tells_its_hash(orders: Desk) -> None:
    told = orders.done("log", "verify", "--json").json
    assert told["events"] == told["position"]
    assert 64 == len(told["hash"])
    assert told["fault"] is None


def test_a_log_verifies_against_a_hash_kept_elsewhere(orders: Desk) -> None:
    told = orders.done("log", "verify", "--json").json
    orders.done("job", "pause", "orders")
    words = ("log", "verify", "--after", str(told["position"]), "--trusted")
    assert 1 == orders.done(*words, told["hash"], "--json=events").json["events"]
    assert 8 == orders(*words, "0" * 64).code


@pytest.mark.parametrize("trusted", ["", "xyz", "ab", "0" * 63])
def test_a_wrong_hash_is_refused(orders: Desk, trusted: str) -> None:
    printed = orders("log", "verify", "--trusted", trusted, "--json")
    assert (2, "--trusted") == (printed.code, printed.error["path"])


def tampered(desk: Desk) -> None:
    """Change an event behind the guards' back."""
    connection = sqlite3.connect(desk.db)
    guards = connection.execute("SELECT name, sql FROM sqlite_master WHERE type='trigger'")
    kept = guards.fetchall()
    for name, _ in kept:
        connection.execute(f"DROP TRIGGER {name}")
    connection.execute(
        "UPDATE log SET body = CAST(replace(CAST(body AS TEXT), 'orders', 'ordure') AS BLOB)"
        " WHERE position = 2"
    )
    for _, sql in kept:
        connection.execute(sql)
    connection.commit()
    connection.close()


def test_a_log_that_was_changed_does_not_verify(orders: Desk) -> None:
    tampered(orders)
    printed = orders("log", "verify")
    assert 8 == printed.code
    assert not printed.out
    assert (
        "The log is damaged: event 2 does not follow from 1 (hash). Events 1–1 are good. "
        "Nothing is fired. Keep the file; restore a copy: horolog db restore\n"
    ) == printed.err


def test_a_fault_as_json_names_its_position(orders: Desk) -> None:
    tampered(orders)
    printed = orders("log", "verify", "--json")
    assert (8, 2) == (printed.code, printed.json["fault_position"])
