"""Every wish of a person travels as one request, and arrives as it was sent."""

from datetime import UTC, date, datetime, timedelta
from typing import get_args

import msgspec
import pytest

from scheduler.model import commands as c
from scheduler.model.errors import BadInput, NotFound
from scheduler.model.jobs import BackfillId, DateRange, Definition, Exclude, JobId, Retry, RunId
from scheduler.model.json_values import read_json
from scheduler.model.plain_inputs import read_input
from scheduler.model.schedules import Cron, Interval
from tools.web.routes import (
    ROUTE_OF,
    ROUTES,
    Ground,
    body_of,
    entry_of,
    request_of,
    route_of,
    wish_of,
    wish_of_entry,
)
from tools.wishes import Wish

JOB = JobId("0193f6a2-7c1e-7abc-8def-0123456789ab")
RUN = RunId("0193f6a2-7c1e-8abc-8def-0123456789ab")
BACKFILL = BackfillId("0193f6a2-7c1e-7abc-8def-00000000b001")
NOON, HOUR = datetime(2026, 3, 1, 12, tzinfo=UTC), timedelta(hours=1)
FRESH = "0193f6a2-0000-7000-8000-000000000001"
LATER = datetime(2026, 3, 2, 12, tzinfo=UTC)
LARGE, LARGE_CONTENTS = read_input("x" * 5_000, "$.input")
PLAIN = Definition(
    name="report",
    service="api.sync",
    schedule=Cron(("@daily",), "Asia/Tokyo"),
    jitter=timedelta(seconds=20),
    exclude=Exclude((DateRange(date(2026, 12, 24), date(2026, 12, 26)),), "Asia/Tokyo"),
    overlap="queue",
    queue_limit=3,
    retry=Retry(max_attempts=3, until_next_fire=True),
    pause_after_failures=5,
    concurrency_key="the database",
)
INTERVAL = Definition(name="r", service="a", schedule=Interval(timedelta(hours=1)), input=LARGE)
WISHES = (
    Wish(command=c.DefineJob(job=JOB, definition=PLAIN), reason="why", on_behalf_of="ben"),
    Wish(
        command=c.DefineJob(job=JOB, definition=INTERVAL, if_past="run", replace=True),
        contents=LARGE_CONTENTS,
        unchecked=True,
    ),
    Wish(command=c.ReviseJob(job=JOB, definition=PLAIN, if_past="skip", if_version=3)),
    Wish(command=c.RenameJob(job=JOB, name="zażółć/1")),
    Wish(command=c.PauseJob(job=JOB)),
    Wish(command=c.PauseJob(job=JOB, until=LATER, missed="all")),
    Wish(command=c.SkipNextFire(job=JOB)),
    Wish(command=c.SkipNextFire(job=JOB, fire_time=LATER), reason="holiday"),
    Wish(command=c.RestoreNextFire(job=JOB)),
    Wish(command=c.RestoreNextFire(job=JOB, fire_time=LATER)),
    Wish(command=c.ResumeJob(job=JOB, missed="all")),
    Wish(command=c.RemoveJob(job=JOB), reason="no longer needed"),
    Wish(command=c.TriggerJob(job=JOB, run=RUN)),
    Wish(command=c.TriggerJob(job=JOB, run=RUN, input=LARGE), contents=LARGE_CONTENTS),
    Wish(command=c.CancelRun(run=RUN)),
    Wish(command=c.RetryRun(run=RUN)),
    Wish(command=c.CallService(run=RUN, service="api.sync"), unchecked=True),
    Wish(
        command=c.CallService(
            run=RUN,
            service="api.sync",
            input=LARGE,
            timeout=timedelta(seconds=90),
            isolation="process",
        ),
        contents=LARGE_CONTENTS,
    ),
    Wish(command=c.ReplayRun(run=RUN)),
    Wish(command=c.ResolveRun(run=RUN, verdict="succeeded")),
    Wish(command=c.RequestBackfill(backfill=BACKFILL, job=JOB, after=NOON, until=NOON + HOUR)),
    Wish(
        command=c.RequestBackfill(
            backfill=BACKFILL,
            job=JOB,
            after=NOON,
            until=NOON + HOUR,
            only="failed",
            order="newest",
            concurrency=7,
            per_minute=30,
            callbacks=True,
            schedule="current",
        ),
        reason="outage",
    ),
    Wish(command=c.PauseBackfill(backfill=BACKFILL)),
    Wish(command=c.ResumeBackfill(backfill=BACKFILL)),
    Wish(command=c.CancelBackfill(backfill=BACKFILL)),
    Wish(command=c.PauseSystem()),
    Wish(command=c.PauseSystem(until=LATER, missed="latest")),
    Wish(command=c.ResumeSystem(missed="latest")),
    Wish(command=c.AcceptClock()),
    Wish(command=c.EraseContent(digests=("a" * 64, "b" * 64)), reason="asked to forget"),
    Wish(command=c.NoteBackup(position=7, hash="ab" * 32, file="copy.db")),
)
GROUND = Ground(
    now=NOON,
    timezone="UTC",
    new_id=lambda: FRESH,
    resolve=lambda kind, name: name,
)


def of(command: type[c.Command], *, has_contents: bool = False) -> Wish:
    found = (wish for wish in WISHES if isinstance(wish.command, command))
    return next(wish for wish in found if bool(wish.contents) == has_contents)


def over_the_wire(body: object) -> object:
    return read_json(msgspec.json.encode(body))


def arrived(command: type[c.Command], body: object, **names: str) -> Wish:
    return wish_of(ROUTE_OF[command], names, body, GROUND)


@pytest.mark.parametrize("wish", WISHES, ids=lambda wish: type(wish.command).__name__)
def test_a_wish_arrives_as_it_was_sent(wish: Wish) -> None:
    request = request_of(wish)
    route = route_of(wish.command)
    ids = {name: str(getattr(wish.command, name)) for name in route.names}
    assert (route.method, route.path.format(**ids)) == (request.method, request.path)
    assert wish == wish_of(route, ids, over_the_wire(request.body), GROUND)


@pytest.mark.parametrize("wish", WISHES, ids=lambda wish: type(wish.command).__name__)
def test_a_wish_arrives_in_a_batch_as_it_was_sent(wish: Wish) -> None:
    for keyed in (wish, msgspec.structs.replace(wish, key="key-1")):
        assert keyed == wish_of_entry(over_the_wire(entry_of(keyed)), "$[0]", GROUND)


def test_every_wish_of_a_person_has_a_route_and_none_of_the_executors_has() -> None:
    own = {c.StartSystem, c.StopSystem, c.NoteClockJump, c.SettleRun, c.Tick, c.RecordOutcomes}
    own |= {c.RecordStep, c.StartRun, c.NoteSettings, c.NoteServices, c.NoteRestore}
    assert set(get_args(c.AnyCommand)) - own == set(ROUTE_OF)
    assert {type(wish.command) for wish in WISHES} == set(ROUTE_OF)
    with pytest.raises(TypeError):
        route_of(c.Tick(slots=1, epoch=1))


def test_no_two_routes_are_one_request() -> None:
    assert len(ROUTES) == len({(route.method, route.path) for route in ROUTES})


def test_a_dry_run_is_said_in_the_query() -> None:
    wish = msgspec.structs.replace(of(c.PauseJob), dry_run=True)
    assert f"/api/v1/jobs/{JOB}/pause?dry_run=true" == request_of(wish).path


def test_a_large_input_travels_whole() -> None:
    assert "x" * 5_000 == body_of(of(c.TriggerJob, has_contents=True))["input"]


def test_what_a_person_leaves_out_is_made() -> None:
    definition = {"name": "r", "service": "a", "schedule": {"cron": "@daily"}}
    defined = arrived(c.DefineJob, {"definition": definition}).command
    assert isinstance(defined, c.DefineJob)
    assert (FRESH, "UTC") == (defined.job, getattr(defined.definition.schedule, "timezone", None))
    assert c.TriggerJob(job=JOB, run=RunId(FRESH)) == arrived(c.TriggerJob, None, job=JOB).command
    assert c.ResumeJob(job=JOB) == arrived(c.ResumeJob, {}, job=JOB).command
    window = {"after": "2026-03-01T12:00", "until": "2026-03-01T13:00Z"}
    asked = arrived(c.RequestBackfill, window, job=JOB).command
    made = BackfillId(FRESH)
    assert c.RequestBackfill(backfill=made, job=JOB, after=NOON, until=NOON + HOUR) == asked


def test_a_local_time_is_read_in_the_zone_of_the_server() -> None:
    ground = GROUND._replace(timezone="Europe/Warsaw")
    route = ROUTE_OF[c.SkipNextFire]
    wish = wish_of(route, {"job": JOB}, {"fire_time": "2026-03-02T13:00"}, ground)
    assert c.SkipNextFire(job=JOB, fire_time=LATER) == wish.command


def test_names_are_looked_up() -> None:
    ground = GROUND._replace(resolve=lambda kind, name: {"job report": JOB}[f"{kind} {name}"])
    wish = wish_of(ROUTE_OF[c.PauseJob], {"job": "report"}, None, ground)
    assert c.PauseJob(job=JOB) == wish.command


def test_a_name_that_nobody_bears_is_not_found() -> None:
    def unknown(kind: str, name: str) -> str:
        raise NotFound(kind, name)

    with pytest.raises(NotFound):
        wish_of(ROUTE_OF[c.PauseJob], {"job": "x"}, None, GROUND._replace(resolve=unknown))


@pytest.mark.parametrize(
    ("command", "body", "told"),
    [
        (c.DefineJob, None, "$.name: is missing."),
        (c.DefineJob, {"definition": 5}, "$: got 5 instead of a table of fields."),
        (c.DefineJob, {"name": "x"}, "$.name: is not a field."),
        (c.DefineJob, {"definition": {}, "job": "x"}, '$.job: "x" is no UUID.'),
        (c.DefineJob, {"definition": {}, "job": "../x"}, '$.job: "../x" is no UUID.'),
        (
            c.DefineJob,
            {"definition": {}, "if_past": "maybe"},
            '$.if_past: "maybe" is none of refuse,',
        ),
        (c.DefineJob, {"definition": {}, "replace": "yes"}, '$.replace: got "yes" instead of true'),
        (
            c.ReviseJob,
            {"definition": {}, "if_version": "3"},
            '$.if_version: got "3" instead of a whole',
        ),
        (c.RenameJob, {}, "$.name: is missing."),
        (c.RenameJob, {"name": 5}, "$.name: got 5 instead of a text."),
        (c.PauseJob, {"untill": "x"}, "$.untill: is not a field. Did you mean until?"),
        (c.PauseJob, {"until": "x"}, '$.until: "x" is no date and time.'),
        (c.PauseJob, {"until": 5}, "$.until: got 5 instead of a text."),
        (c.PauseJob, {"until": "99999-01-01"}, "$.until: "),
        (c.PauseJob, {"missed": "some"}, '$.missed: "some" is none of skip, latest, all.'),
        (c.PauseSystem, {"until": ["now"]}, "$.until: got ['now'] instead of a text."),
        (c.PauseSystem, {"missed": None, "job": JOB}, "$.job: is not a field."),
        (c.SkipNextFire, {"at": "now"}, "$.at: is not a field."),
        (c.SkipNextFire, {"fire_time": "next"}, '$.fire_time: "next" is no date and time.'),
        (c.SkipNextFire, {"fire_time": "2026-02-30T10:00Z"}, "$.fire_time: "),
        (c.RestoreNextFire, {"fire_time": 0}, "$.fire_time: got 0 instead of a text."),
        (c.PauseJob, ["x"], "$: got ['x'] instead of a table of fields."),
        (c.PauseJob, {"reason": 5}, "$.reason: got 5 instead of a text."),
        (c.PauseJob, {"reason": "x" * 4_001}, "$.reason: has 4,001 characters; at most 4,000."),
        (c.ResumeJob, {"missed": "some"}, '$.missed: "some" is none of skip, latest, all.'),
        (c.TriggerJob, {"run": 5}, "$.run: got 5 instead of a text."),
        (c.TriggerJob, {"input": "a\0"}, "$.input: the text holds a NUL character."),
        (c.ResolveRun, {}, "$.verdict: is missing."),
        (c.RequestBackfill, {}, "$.after: is missing."),
        (c.RequestBackfill, {"after": "2026-03-01T10:00"}, "$.until: is missing."),
        (c.RequestBackfill, {"after": 5, "until": 6}, "$.after: got 5 instead of a text."),
        (c.RequestBackfill, {"after": "teatime"}, '$.after: "teatime" is no date and time.'),
        (c.RequestBackfill, {"backfill": "../x"}, '$.backfill: "../x" is no UUID.'),
        (c.RequestBackfill, {"only": "some"}, '$.only: "some" is none of missing, failed, all.'),
        (c.RequestBackfill, {"order": ["oldest"]}, "$.order: got ['oldest'] instead of a text."),
        (c.RequestBackfill, {"concurrency": True}, "$.concurrency: got True instead of a whole"),
        (c.RequestBackfill, {"per_minute": 1.5}, "$.per_minute: got 1.5 instead of a whole"),
        (c.RequestBackfill, {"stretches": []}, "$.stretches: is not a field."),
        (c.EraseContent, {}, "$.digests: is missing."),
        (c.EraseContent, {"digests": "a"}, '$.digests: got "a" instead of a list'),
        (c.EraseContent, {"digests": ["a"]}, '$.digests[0]: "a" is no digest'),
        (c.EraseContent, {"digests": [5]}, "$.digests[0]: 5 is no digest"),
        (c.EraseContent, {"digests": ["a" * 64] * 4_501}, "$.digests: has 4,501; at most 4,500"),
        (
            c.ResolveRun,
            {"verdict": "fine"},
            '$.verdict: "fine" is none of succeeded, failed, retry.',
        ),
    ],
)
def test_a_wrong_body_is_refused_by_its_field(
    command: type[c.Command], body: object, told: str
) -> None:
    with pytest.raises(BadInput) as refused:
        arrived(command, body, job=JOB, run=RUN)
    assert str(refused.value).startswith(told)


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        (5, "$[0]: got 5 instead of a wish."),
        ({}, "$[0].command: None is no command."),
        ({"command": ["x"]}, "$[0].command: ['x'] is no command."),
        ({"command": "tick", "slots": 1}, '$[0].command: "tick" is no command.'),
        ({"command": "pause-job"}, "$[0].job: got None instead of a text."),
        ({"command": "pause-job", "job": JOB, "key": 5}, "$[0].key: got 5 instead of a text."),
        ({"command": "pause-job", "job": JOB, "key": ""}, '$[0].key: "" is no key'),
    ],
)
def test_a_wrong_entry_of_a_batch_is_refused_by_its_place(entry: object, told: str) -> None:
    with pytest.raises(BadInput) as refused:
        wish_of_entry(entry, "$[0]", GROUND)
    assert str(refused.value).startswith(told)
