"""By what a repeated command is known: the digest that its key is kept with.

Left out is what is random: ids made for this try, and what stands for a private input. So a private
input sent again under the same key is taken for the same, which it is unless somebody errs; the
envelope may not hold what would confirm a guess at it. A field that has its default's value is left
out, whether it was said or not: msgspec's `omit_defaults` goes by the very object.
"""

from functools import cache

import msgspec
from msgspec import NODEFAULT, Struct
from msgspec.structs import fields, replace

from scheduler.model import commands as c
from scheduler.model.content import Payload, digest_of
from scheduler.model.jobs import BackfillId, Definition, JobId, RunId


def digest_of_command(command: c.AnyCommand) -> str:
    """Return the digest by which a repeated command is known."""
    match command:
        case c.DefineJob(definition=definition):
            command = replace(command, job=JobId(""), definition=comparable(definition))
        case c.ReviseJob(definition=definition):
            command = replace(command, definition=comparable(definition))
        case c.TriggerJob(input=given) | c.CallService(input=given):
            command = replace(command, run=RunId(""), input=without_salt(given))
        case c.RequestBackfill():
            command = replace(command, backfill=BackfillId(""))
    return digest_of(msgspec.json.encode(said(command)))


def said(value: object) -> object:
    """Return what a digest is made of: of a record, the fields that differ from their default."""
    if isinstance(value, Struct):
        kind = type(value)
        differing: dict[str, object] = {"": str(kind.__struct_config__.tag)}
        for name, default in defaults_of(kind):
            if (found := getattr(value, name)) != default:
                differing[name] = said(found)
        return differing
    return [said(part) for part in value] if isinstance(value, tuple) else value


@cache
def defaults_of(kind: type[Struct]) -> tuple[tuple[str, object], ...]:
    """Return the fields of a record, each with its default; NODEFAULT equals nothing."""
    return tuple(
        (field.name, {} if field.default_factory is not NODEFAULT else field.default)
        for field in fields(kind)
    )


def comparable(definition: Definition) -> Definition:
    """Return the definition with nothing random in it."""
    given = definition.input
    if given is None or not given.salted:
        return definition
    return replace(definition, input=without_salt(given))


def without_salt(payload: Payload | None) -> Payload | None:
    """Return a payload that is the same whatever its salt is."""
    if payload is None or not payload.salted:
        return payload
    return replace(payload, digest=None)
