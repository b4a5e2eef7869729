"""Every error we raise on purpose.

    HorologError
    ├── Refused            tell the user; nothing was stored
    │   ├── BadInput       what was typed is wrong: `problems` name the field, the reason, the hint
    │   ├── NotFound       no such job, run, position ...
    │   ├── NotAuthorised  this user may not
    │   ├── Conflict       true, but not now: another state, owner or revision stands against it
    │   └── Unreachable    no log here, or nobody can answer for it
    ├── Outpaced           someone was faster
    │   ├── VersionConflict  read again and decide again, bounded
    │   ├── KeyReused        the request key belongs to another command
    │   ├── StaleEpoch       another writer was here: stop executing
    │   └── ViewsRenewed     the views were damaged and begin anew: fold again
    └── Corrupt            stop and call a person
        ├── ImpossibleHistory  an event that cannot follow from what stands before it
        ├── UnknownEvent       written by a newer Horolog
        ├── Damaged            the chain, a guard or the file does not verify
        └── StorageFailed      disk full, a failed sync, an I/O error

The three branches answer "what should the caller do?". Each error takes the facts, builds its own
sentence and keeps the facts as attributes; `exit_code` is what the command line returns for it.
"""

from typing import ClassVar, NamedTuple


class HorologError(Exception):
    """The root of every error raised on purpose."""

    exit_code: ClassVar[int] = 1


class Refused(HorologError):
    """The wish cannot be met as it stands; nothing was stored."""

    exit_code = 2


class Problem(NamedTuple):
    """One thing wrong with an input."""

    path: str  # "$.schedule.expressions[0]"
    message: str  # what is wrong, without the path
    hint: str | None = None  # what to type instead

    def __str__(self) -> str:
        """Return path, message and hint as one line."""
        tail = f" {self.hint}" if self.hint else ""
        return f"{self.path}: {self.message}{tail}"


class BadInput(Refused):
    """What was typed is wrong; every problem names its field."""

    exit_code = 2

    def __init__(self, *problems: Problem) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems

    @classmethod
    def at(cls, path: str, message: str, hint: str | None = None) -> "BadInput":
        """Return the error for a single field."""
        return cls(Problem(path, message, hint))


class NotFound(Refused):
    """What was named does not exist."""

    exit_code = 3

    def __init__(self, what: str, name: str, hint: str | None = None) -> None:
        super().__init__(f"no {what} {name!r}" + (f". {hint}" if hint else ""))
        self.what = what
        self.name = name


class NotAuthorised(Refused):
    """This user may not do this."""

    exit_code = 4


class Conflict(Refused):
    """The wish is sound, but the present state stands against it."""

    exit_code = 5


class Unreachable(Refused):
    """There is no log here, or nobody who can answer for it."""

    exit_code = 9


class Outpaced(HorologError):
    """Someone was faster."""

    exit_code = 5


class VersionConflict(Outpaced):
    """A stream is not at the version the writer expected."""

    def __init__(self, stream: str, expected: int, actual: int) -> None:
        super().__init__(f"stream {stream!r} is at version {actual}, not {expected}")
        self.stream = stream
        self.expected = expected
        self.actual = actual


class KeyReused(Outpaced):
    """A request key was used before, for another command."""

    def __init__(self, key: str) -> None:
        super().__init__(
            f"the request key {key!r} was used before for another command; use a new key"
        )
        self.key = key


class StaleEpoch(Outpaced):
    """Another writer was at this log; this one must stop executing."""

    exit_code = 1


class ViewsRenewed(Outpaced):
    """The file of views was damaged and is empty now; its writers begin anew. No user sees this."""

    exit_code = 1


class Corrupt(HorologError):
    """The log cannot be trusted or written; a person is needed."""

    exit_code = 8


class ImpossibleHistory(Corrupt):
    """An event cannot follow from the events before it."""


class UnknownEvent(Corrupt):
    """An event of a type or revision that this Horolog does not know."""

    exit_code = 9

    def __init__(self, position: int, event_type: str, revision: int, *, ours: str) -> None:
        super().__init__(
            f"This log was written by a newer Horolog: position {position:,} is of type "
            f'"{event_type}" (revision {revision}), unknown to {ours}. '
            "Install a later version; nothing was changed"
        )
        self.position = position
        self.event_type = event_type
        self.revision = revision


class Damaged(Corrupt):
    """The chain, a guard or the file does not verify."""

    def __init__(self, message: str, *, position: int | None = None) -> None:
        super().__init__(message)
        self.position = position


class StorageFailed(Corrupt):
    """The disk is full, a sync failed, or an I/O error; `in_doubt`: it may yet be stored."""

    exit_code = 1

    def __init__(self, message: str, *, in_doubt: bool, key: str | None = None) -> None:
        super().__init__(message)
        self.in_doubt = in_doubt
        self.key = key
