"""Errors as they cross HTTP: a problem document out of one (RFC 9457), and the error again.

A document holds the sentence, the exit code, every problem of a bad input with path, message and
hint, and the facts the error keeps as attributes, so a client raises what the server raised.
Nothing about the inside of the server is in it.
"""

from collections.abc import Mapping
from http import HTTPStatus

from scheduler.model.errors import (
    BadInput,
    Conflict,
    Corrupt,
    Damaged,
    HorologError,
    ImpossibleHistory,
    KeyReused,
    NotAuthorised,
    NotFound,
    Outpaced,
    Problem,
    Refused,
    StaleEpoch,
    StorageFailed,
    UnknownEvent,
    Unreachable,
    VersionConflict,
    ViewsRenewed,
)

MEDIA_TYPE = "application/problem+json"
URN = "urn:horolog:problem:"

# The most special class of an error decides: each stands before those it is derived from.
_KINDS: tuple[tuple[type[HorologError], str, int, str], ...] = (
    (BadInput, "bad-input", 400, "What was sent is wrong"),
    (NotFound, "not-found", 404, "Not found"),
    (NotAuthorised, "not-authorised", 403, "Not authorised"),
    (Conflict, "conflict", 409, "The present state stands against it"),
    (Unreachable, "unreachable", 503, "Nobody can answer"),
    (VersionConflict, "version-conflict", 409, "Someone was faster"),
    (KeyReused, "key-reused", 422, "The key belongs to another request"),
    (StaleEpoch, "stale-epoch", 503, "Another writer was at this log"),
    (ViewsRenewed, "views-renewed", 503, "The views begin anew"),
    (ImpossibleHistory, "impossible-history", 500, "The log cannot be read"),
    (UnknownEvent, "unknown-event", 500, "The log was written by a newer version"),
    (Damaged, "damaged", 500, "The log is damaged"),
    (StorageFailed, "storage-failed", 507, "The disk failed"),
    (Refused, "refused", 400, "Refused"),
    (Outpaced, "outpaced", 409, "Someone was faster"),
    (Corrupt, "corrupt", 500, "A person is needed"),
    (HorologError, "failed", 500, "Failed"),
)
_BY_NAME = {name: kind for kind, name, _, _ in _KINDS}


def status_of(error: HorologError) -> int:
    """Return the HTTP status that tells an error."""
    return next(status for kind, _, status, _ in _KINDS if isinstance(error, kind))


def document_of(error: HorologError) -> dict[str, object]:
    """Return the problem document of an error."""
    _, name, status, title = next(kind for kind in _KINDS if isinstance(error, kind[0]))
    document: dict[str, object] = {
        "type": URN + name,
        "title": title,
        "status": status,
        "detail": str(error),
        "exit_code": error.exit_code,
    }
    facts = {key: value for key, value in vars(error).items() if not key.startswith("_")}
    if isinstance(error, BadInput):
        facts.pop("problems", None)
        document["problems"] = [
            {"path": problem.path, "message": problem.message, "hint": problem.hint}
            for problem in error.problems
        ]
    if facts:
        document["facts"] = facts
    return document


def plain_document(status: int, detail: str) -> dict[str, object]:
    """Return the document of what is no error of ours: a wrong path or method, a defect."""
    name, exit_code = "refused", Refused.exit_code
    if status == HTTPStatus.NOT_FOUND:
        name, exit_code = "not-found", NotFound.exit_code
    elif status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        name, exit_code = "failed", HorologError.exit_code
    return {
        "type": URN + name,
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "exit_code": exit_code,
    }


def error_of(document: Mapping[str, object]) -> HorologError:
    """Return the error that a problem document tells, of the class that the server raised."""
    name = str(document.get("type", "")).removeprefix(URN)
    kind = _BY_NAME.get(name, HorologError)
    detail = str(document.get("detail") or document.get("title") or "the server refused")
    if kind is BadInput:
        return BadInput(*_problems(document.get("problems"), detail))
    error = kind.__new__(kind, detail)  # its sentence is built already
    facts = document.get("facts")
    if isinstance(facts, Mapping):
        error.__dict__.update({str(key): value for key, value in facts.items()})
    return error


def _problems(value: object, detail: str) -> list[Problem]:
    """Return the problems of a bad input; at least one, whoever wrote the document."""
    found = [
        Problem(
            str(part.get("path", "$")),
            str(part.get("message", "")),
            None if part.get("hint") is None else str(part.get("hint")),
        )
        for part in (value if isinstance(value, list) else [])
        if isinstance(part, Mapping)
    ]
    return found or [Problem("$", detail)]
