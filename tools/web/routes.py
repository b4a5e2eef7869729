"""Which command travels by which request: the one table that server and client share.

A `Route` says method and path; `request_of` turns a wish into a request, `wish_of` turns it back.
The fields of a command that stand in the path are ids; all others are in the body, beside the
reason and the claim. Neither side of HTTP is imported here, so the command line loads this for next
to nothing.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple, get_args
from urllib.parse import quote

import msgspec

from scheduler.model import commands as c
from scheduler.model.content import DIGEST_SHAPE, Contents
from scheduler.model.errors import BadInput, Problem
from scheduler.model.jobs import Isolation, Missed
from scheduler.model.json_values import shown
from scheduler.model.limits import DIGESTS_PER_WISH_MAX, KEY_CHARS_MAX, TEXT_CHARS_MAX
from scheduler.model.plain import read_definition, write_definition
from scheduler.model.plain_inputs import read_input, write_input
from scheduler.model.plain_values import Reader, flag, length, read_table, text, whole
from scheduler.model.validation import ID_SHAPE
from scheduler.model.written import format_duration
from tools.wishes import Wish

ROOT = "/api/v1"
BATCH = f"{ROOT}/batch"
STATUS = f"{ROOT}/status"
READINESS = f"{ROOT}/readiness"
SHUTDOWN = f"{ROOT}/shutdown"
SERVICES = f"{ROOT}/services"
RELOAD = f"{SERVICES}/reload"
KEY_HEADER = "Idempotency-Key"
DRY_RUN = "dry_run"  # in the query


class Route(NamedTuple):
    """Where a command goes."""

    command: type[c.Command]
    method: str
    path: str  # {job} and {run} stand for ids, {service} for a name

    @property
    def tag(self) -> str:
        """The command's literal name."""
        return str(self.command.__struct_config__.tag)

    @property
    def names(self) -> tuple[str, ...]:
        """What the path names: a job, a run, a service, or nothing."""
        return tuple(name for name in ("job", "run", "service") if f"{{{name}}}" in self.path)


ROUTES = (
    Route(c.DefineJob, "POST", f"{ROOT}/jobs"),
    Route(c.ReviseJob, "PUT", f"{ROOT}/jobs/{{job}}"),
    Route(c.RemoveJob, "DELETE", f"{ROOT}/jobs/{{job}}"),
    Route(c.RenameJob, "POST", f"{ROOT}/jobs/{{job}}/rename"),
    Route(c.PauseJob, "POST", f"{ROOT}/jobs/{{job}}/pause"),
    Route(c.ResumeJob, "POST", f"{ROOT}/jobs/{{job}}/resume"),
    Route(c.TriggerJob, "POST", f"{ROOT}/jobs/{{job}}/runs"),
    Route(c.CancelRun, "POST", f"{ROOT}/runs/{{run}}/cancel"),
    Route(c.RetryRun, "POST", f"{ROOT}/runs/{{run}}/retry"),
    Route(c.ResolveRun, "POST", f"{ROOT}/runs/{{run}}/resolve"),
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
    resolve: Callable[[str, str], str]  # "job" or "run", as it was named -> its id


def request_of(wish: Wish) -> Request:
    """Return the request that carries a wish; its key travels as a header."""
    body = body_of(wish)
    route = route_of(wish.command)
    service = quote(str(body.get("service")), safe="")
    path = route.path.format(job=body.get("job"), run=body.get("run"), service=service)
    for name in route.names:
        del body[name]
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
    readers = {**_READERS.get(route.command, {}), "reason": _words, "on_behalf_of": _words}
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
    fields = {name: value for name, value in found.items() if name not in _ENVELOPE}
    fields.update(ids)
    if "definition" in _READERS.get(route.command, {}):
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
    for name in _REQUIRED.get(route.command, ()):
        if name not in fields:
            raise BadInput.at(f"$.{name}", "is missing.")
    made: c.AnyCommand = route.command(**fields)  # type: ignore[assignment]  # one of the union
    return made, contents


def _choice(*choices: str) -> Reader:
    def read(value: object, path: str) -> str:
        chosen = text(value, path)
        if chosen not in choices:
            raise BadInput.at(path, f"{shown(chosen)} is none of {', '.join(choices)}.")
        return chosen

    return read


def checked_key(key: str, path: str) -> str:
    """Return a request key.

    Raises: BadInput, when it is empty, too long or cannot be printed.
    """
    if not 1 <= len(key) <= KEY_CHARS_MAX or not key.isprintable():
        raise BadInput.at(path, f"{shown(key)} is no key: 1 to {KEY_CHARS_MAX} characters.")
    return key


def _words(value: object, path: str) -> str:
    """Return a reason or a claim: a short text."""
    words = text(value, path)
    if len(words) > TEXT_CHARS_MAX:
        raise BadInput.at(path, f"has {len(words):,} characters; at most {TEXT_CHARS_MAX:,}.")
    return words


def _new_id(value: object, path: str) -> str:
    """Return an id that the asker made."""
    made = text(value, path)
    if ID_SHAPE.fullmatch(made) is None:
        raise BadInput.at(path, f"{shown(made)} is no UUID.", "Leave it out to have one made")
    return made.lower()


def _digests(value: object, path: str) -> tuple[str, ...]:
    """Return digests of content."""
    if not isinstance(value, list):
        raise BadInput.at(path, f"got {shown(value)} instead of a list of digests.")
    if len(value) > DIGESTS_PER_WISH_MAX:
        raise BadInput.at(path, f"has {len(value):,}; at most {DIGESTS_PER_WISH_MAX:,} at a time.")
    for place, digest in enumerate(value):
        if not isinstance(digest, str) or DIGEST_SHAPE.fullmatch(digest) is None:
            raise BadInput.at(f"{path}[{place}]", f"{shown(digest)} is no digest of 64 hex digits.")
    return tuple(value)


def _timeout(value: object, path: str) -> timedelta:
    """Return how long an attempt may take: longer than nothing."""
    timeout = length(value, path)
    if timeout <= timedelta(0):
        raise BadInput.at(path, "must be longer than 0.")
    return timeout


def _as_it_is(value: object, _: str) -> object:
    return value


_MISSED = _choice(*get_args(Missed))
_IF_PAST = _choice("refuse", "run", "skip")
_ENVELOPE = frozenset({"reason", "on_behalf_of", "unchecked"})
_READERS: dict[type[c.Command], dict[str, Reader]] = {
    c.DefineJob: {
        "definition": _as_it_is,
        "job": _new_id,
        "if_past": _IF_PAST,
        "replace": flag,
        "unchecked": flag,
    },
    c.ReviseJob: {
        "definition": _as_it_is,
        "if_past": _IF_PAST,
        "if_version": whole,
        "unchecked": flag,
    },
    c.RenameJob: {"name": text},
    c.ResumeJob: {"missed": _MISSED},
    c.TriggerJob: {"run": _new_id, "input": _as_it_is},
    c.CallService: {
        "run": _new_id,
        "input": _as_it_is,
        "timeout": _timeout,
        "isolation": _choice(*get_args(Isolation)),
        "unchecked": flag,
    },
    c.ResolveRun: {"verdict": _choice("succeeded", "failed", "retry")},
    c.ResumeSystem: {"missed": _MISSED},
    c.EraseContent: {"digests": _digests},
    c.NoteBackup: {"position": whole, "hash": text, "file": text},
}
_REQUIRED: dict[type[c.Command], tuple[str, ...]] = {
    c.RenameJob: ("name",),
    c.EraseContent: ("digests",),
    c.NoteBackup: ("position", "hash", "file"),
    c.ResolveRun: ("verdict",),
}
