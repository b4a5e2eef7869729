"""Which command travels by which request: the one table that server and client share.

A `Route` says method and path; `request_of` turns a wish into a request, `wish_of` turns it back.
The fields of a command that stand in the path are ids; all others are in the body (`wish_fields`),
beside the reason and the claim. Neither side of HTTP is imported here, so the command line loads
this for next to nothing.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import NamedTuple
from urllib.parse import quote

import msgspec

from scheduler.model import commands as c
from scheduler.model.content import Contents
from scheduler.model.errors import BadInput, Problem
from scheduler.model.json_values import shown
from scheduler.model.plain import read_definition, write_definition
from scheduler.model.plain_inputs import read_input, write_input
from scheduler.model.plain_values import read_table, text
from scheduler.model.written import format_duration
from tools.web.wish_fields import ENVELOPE, REQUIRED, readers_of
from tools.wishes import Wish, checked_key

ROOT = "/api/v1"
BATCH = f"{ROOT}/batch"
STATUS = f"{ROOT}/status"
READINESS = f"{ROOT}/readiness"
SHUTDOWN = f"{ROOT}/shutdown"
SERVICES = f"{ROOT}/services"
RELOAD = f"{SERVICES}/reload"
BACKFILLS = f"{ROOT}/backfills"
NAMED = ("job", "run", "backfill", "service")
KEY_HEADER = "Idempotency-Key"
DRY_RUN = "dry_run"  # in the query


class Route(NamedTuple):
    """Where a command goes."""

    command: type[c.Command]
    method: str
    path: str  # {job}, {run} and {backfill} stand for ids, {service} for a name

    @property
    def tag(self) -> str:
        """The command's literal name."""
        return str(self.command.__struct_config__.tag)

    @property
    def names(self) -> tuple[str, ...]:
        """What the path names: a job, a run, a backfill, a service, or nothing."""
        return tuple(name for name in NAMED if f"{{{name}}}" in self.path)


ROUTES = (
    Route(c.DefineJob, "POST", f"{ROOT}/jobs"),
    Route(c.ReviseJob, "PUT", f"{ROOT}/jobs/{{job}}"),
    Route(c.RemoveJob, "DELETE", f"{ROOT}/jobs/{{job}}"),
    Route(c.RenameJob, "POST", f"{ROOT}/jobs/{{job}}/rename"),
    Route(c.PauseJob, "POST", f"{ROOT}/jobs/{{job}}/pause"),
    Route(c.ResumeJob, "POST", f"{ROOT}/jobs/{{job}}/resume"),
    Route(c.SkipNextFire, "POST", f"{ROOT}/jobs/{{job}}/skip-next"),
    Route(c.RestoreNextFire, "POST", f"{ROOT}/jobs/{{job}}/restore-next"),
    Route(c.TriggerJob, "POST", f"{ROOT}/jobs/{{job}}/runs"),
    Route(c.CancelRun, "POST", f"{ROOT}/runs/{{run}}/cancel"),
    Route(c.RetryRun, "POST", f"{ROOT}/runs/{{run}}/retry"),
    Route(c.ReplayRun, "POST", f"{ROOT}/runs/{{run}}/replay"),
    Route(c.ResolveRun, "POST", f"{ROOT}/runs/{{run}}/resolve"),
    Route(c.RequestBackfill, "POST", f"{ROOT}/jobs/{{job}}/backfills"),
    Route(c.PauseBackfill, "POST", f"{BACKFILLS}/{{backfill}}/pause"),
    Route(c.ResumeBackfill, "POST", f"{BACKFILLS}/{{backfill}}/resume"),
    Route(c.CancelBackfill, "POST", f"{BACKFILLS}/{{backfill}}/cancel"),
    Route(c.CallService, "POST", f"{SERVICES}/{{service}}/calls"),
    Route(c.PauseSystem, "POST", f"{ROOT}/system/pause"),
    Route(c.ResumeSystem, "POST", f"{ROOT}/system/resume"),
    Route(c.AcceptClock, "POST", f"{ROOT}/clock/accept"),
    Route(c.NoteBackup, "POST", f"{ROOT}/backups"),
    Route(c.EraseContent, "POST", f"{ROOT}/content/erase"),
)
ROUTE_OF = {route.command: route for route in ROUTES}
ROUTE_OF_TAG = {route.tag: route for route in ROUTES}


class Request(NamedTuple):
    """A wish on its way."""

    method: str
    path: str  # with its query
    body: dict[str, object]


class Ground(NamedTuple):
    """What a request is read against."""

    now: datetime
    timezone: str
    new_id: Callable[[], str]
    resolve: Callable[[str, str], str]  # "job", "run" or "backfill", as it was named -> its id


def request_of(wish: Wish) -> Request:
    """Return the request that carries a wish; its key travels as a header."""
    body = body_of(wish)
    route = route_of(wish.command)
    names = {name: quote(str(body.pop(name)), safe="") for name in route.names}
    path = route.path.format(**names)
    query = f"?{DRY_RUN}=true" if wish.dry_run else ""
    return Request(route.method, path + query, body)


def body_of(wish: Wish) -> dict[str, object]:
    """Return every field of a wish but its key, as JSON values; ids are among them."""
    command = wish.command
    said = {
        "reason": wish.reason,
        "on_behalf_of": wish.on_behalf_of,
        "unchecked": wish.unchecked or None,
    }
    content = wish.contents.get
    match command:
        case c.DefineJob() | c.ReviseJob():
            fields: dict[str, object] = msgspec.structs.asdict(command)
            fields["definition"] = write_definition(command.definition, content=content)
        case c.TriggerJob(input=given):
            fields = msgspec.structs.asdict(command)
            fields["input"] = None if given is None else write_input(given, content)
        case c.CallService(input=given, timeout=timeout):
            fields = msgspec.structs.asdict(command)
            fields["input"] = None if given is None else write_input(given, content)
            fields["timeout"] = format_duration(timeout)
        case _:
            fields = msgspec.structs.asdict(command)
    return {**fields, **{name: value for name, value in said.items() if value is not None}}


def entry_of(wish: Wish) -> dict[str, object]:
    """Return a wish as it stands in a batch; one without a key is done again if asked again."""
    keyed = {} if wish.key is None else {"key": wish.key}
    return {"command": route_of(wish.command).tag, **keyed, **body_of(wish)}


def route_of(command: c.AnyCommand) -> Route:
    """Return the route of a command that people may give."""
    route = ROUTE_OF.get(type(command))
    if route is None:
        raise TypeError(f"{type(command).__name__} is no wish of a person")
    return route


def wish_of_entry(entry: object, path: str, ground: Ground) -> Wish:
    """Return the wish that stands in a batch: its body, with the command's name and its own key."""
    if not isinstance(entry, Mapping):
        raise BadInput.at(path, f"got {shown(entry)} instead of a wish.")
    tag, key = entry.get("command"), entry.get("key")
    route = ROUTE_OF_TAG.get(tag) if isinstance(tag, str) else None
    if route is None:
        known = ", ".join(ROUTE_OF_TAG)
        raise BadInput.at(f"{path}.command", f"{shown(tag)} is no command.", f"Known: {known}")
    names = {name: text(entry.get(name), f"{path}.{name}") for name in route.names}
    apart = {"command", "key", *names}
    rest = {field: value for field, value in entry.items() if field not in apart}
    wish = wish_of(route, names, rest, ground)
    return (
        wish
        if key is None
        else msgspec.structs.replace(wish, key=checked_key(text(key, f"{path}.key"), f"{path}.key"))
    )


def wish_of(route: Route, names: Mapping[str, str], body: object, ground: Ground) -> Wish:
    """Return the wish that a request carries; `names` are how its path names job or run.

    Raises: BadInput, with every field that is wrong; NotFound.
    """
    problems: list[Problem] = []
    readers = readers_of(route.command, timezone=ground.timezone, now=ground.now)
    found = read_table({} if body is None else body, "$", readers, problems)
    if problems:
        raise BadInput(*problems)
    ids = {
        kind: name if kind == "service" else ground.resolve(kind, name)
        for kind, name in names.items()
    }
    command, contents = _command(route, ids, found, ground)
    reason, claim = found.get("reason"), found.get("on_behalf_of")
    return Wish(
        command=command,
        contents=contents,
        reason=reason if isinstance(reason, str) else None,
        on_behalf_of=claim if isinstance(claim, str) else None,
        unchecked=found.get("unchecked") is True,
    )


def _command(
    route: Route, ids: Mapping[str, str], found: Mapping[str, object], ground: Ground
) -> tuple[c.AnyCommand, Contents]:
    """Return the command of a route, from its ids and the fields that were read."""
    contents: Contents = {}
    fields = {name: value for name, value in found.items() if name not in ENVELOPE}
    fields.update(ids)
    if issubclass(route.command, c.DefineJob | c.ReviseJob):
        fields["definition"], contents = read_definition(
            fields.get("definition", {}), now=ground.now, timezone=ground.timezone
        )
    if route.command is c.DefineJob and "job" not in fields:
        fields["job"] = ground.new_id()
    if route.command in {c.TriggerJob, c.CallService}:
        if "run" not in fields:
            fields["run"] = ground.new_id()
        if "input" in fields:
            fields["input"], contents = read_input(fields["input"], "$.input")
    if route.command is c.RequestBackfill and "backfill" not in fields:
        fields["backfill"] = ground.new_id()
    for name in REQUIRED.get(route.command, ()):
        if name not in fields:
            raise BadInput.at(f"$.{name}", "is missing.")
    made: c.AnyCommand = route.command(**fields)  # type: ignore[assignment]  # one of the union
    return made, contents
