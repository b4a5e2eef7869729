"""The fields of each command's body: which there are, how each is read, which must be there.

A field stands here under the name it has in the command. What a definition or an input holds is not
read here but with what stands around it (`routes`).
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import get_args

from scheduler.model import commands as c
from scheduler.model.backfill_events import Only, Order
from scheduler.model.content import DIGEST_SHAPE
from scheduler.model.errors import BadInput
from scheduler.model.jobs import Isolation, Missed
from scheduler.model.json_values import shown
from scheduler.model.limits import DIGESTS_PER_WISH_MAX, TEXT_CHARS_MAX
from scheduler.model.plain_values import Reader, flag, instant_in, length, text, whole
from scheduler.model.validation import ID_SHAPE


def readers_of(command: type[c.Command], *, timezone: str, now: datetime) -> Mapping[str, Reader]:
    """Return how each field of a command's body is read; local times are those of `timezone`."""
    instant = instant_in(timezone, now)
    instants = dict.fromkeys(_INSTANTS.get(command, ()), instant)
    return {**_READERS.get(command, {}), **instants, "reason": _words, "on_behalf_of": _words}


def _choice(*choices: str) -> Reader:
    def read(value: object, path: str) -> str:
        chosen = text(value, path)
        if chosen not in choices:
            raise BadInput.at(path, f"{shown(chosen)} is none of {', '.join(choices)}.")
        return chosen

    return read


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
ENVELOPE = frozenset({"reason", "on_behalf_of", "unchecked"})
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
    c.PauseJob: {"missed": _MISSED},
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
    c.RequestBackfill: {
        "backfill": _new_id,
        "only": _choice(*get_args(Only)),
        "order": _choice(*get_args(Order)),
        "concurrency": whole,
        "per_minute": whole,
        "callbacks": flag,
        "schedule": _choice("then", "current"),
    },
    c.PauseSystem: {"missed": _MISSED},
    c.ResumeSystem: {"missed": _MISSED},
    c.EraseContent: {"digests": _digests},
    c.NoteBackup: {"position": whole, "hash": text, "file": text},
}
_INSTANTS: dict[type[c.Command], tuple[str, ...]] = {
    c.PauseJob: ("until",),
    c.PauseSystem: ("until",),
    c.SkipNextFire: ("fire_time",),
    c.RestoreNextFire: ("fire_time",),
    c.RequestBackfill: ("after", "until"),
}
REQUIRED: dict[type[c.Command], tuple[str, ...]] = {
    c.RenameJob: ("name",),
    c.EraseContent: ("digests",),
    c.NoteBackup: ("position", "hash", "file"),
    c.ResolveRun: ("verdict",),
    c.RequestBackfill: ("after", "until"),
}
