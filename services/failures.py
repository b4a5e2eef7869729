"""Why a user's file was not loaded, in one sentence a person can act on.

What they need is the line in *their* file, not where the import machinery raised.
"""

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

from msgspec import Struct

from scheduler.model.errors import BadInput
from services.namesakes import Namesake, NamesakeModule, namesake_behind
from services.results import storable


class Failure(Struct, frozen=True, kw_only=True):
    """A source whose services are not there, and why."""

    source: str  # as people know it
    kind: str  # the exception's type
    message: str
    line: int | None = None
    is_sentence: bool = False  # the message says it all
    kept: str = ""  # the version that goes on: when it was loaded, and its digest

    def __str__(self) -> str:
        """Return the failure in one sentence."""
        goes_on = f". The version loaded at {self.kept} goes on running" if self.kept else ""
        if self.is_sentence:
            return f"{self.message}{goes_on}"
        why = f"{self.kind}: {self.message}" if self.message else self.kind
        where = f" (line {self.line})" if self.line is not None else ""
        what = "reloaded" if self.kept else "loaded"
        return f"{self.source} was not {what}: {why}{where}{goes_on}"


def failure_of(error: BaseException, name: str, path: Path | None, base: Path) -> Failure:
    """Return why the source `name` failed; `path` is its file, when it was loaded as one."""
    line = _line(error, path)
    ours = namesake_behind(error)
    if ours is not None:
        error = Namesake(_importer(error, base) or name, ours)
    return Failure(
        source=name,
        kind=type(error).__name__,
        message=_message(error),
        line=error.line if isinstance(error, Namesake) and error.line is not None else line,
        is_sentence=isinstance(error, Namesake | NamesakeModule),
    )


def _message(error: BaseException) -> str:
    if isinstance(error, ModuleNotFoundError) and error.name:
        return error.name
    if isinstance(error, BadInput):
        problem = error.problems[0]
        return f"{problem.message} {problem.hint or ''}".strip()
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if isinstance(error, SyntaxError):
        return error.msg
    try:
        return storable(str(error).strip().partition("\n")[0])
    except Exception:  # noqa: BLE001  # a user's __str__ may raise anything
        return ""


def _line(error: BaseException, path: Path | None) -> int | None:
    """Return the last line of the file itself on the way to the error."""
    if path is None:
        return None
    if isinstance(error, SyntaxError) and error.filename == str(path):
        return error.lineno
    lines = [line for file, line in _way(error) if file == str(path)]
    return lines[-1] if lines else None


def _importer(error: BaseException, base: Path) -> str | None:
    """Return the file in which the failing import stands, as people know it."""
    files = [file for file, _ in _way(error) if not file.startswith("<")]
    if not files:
        return None
    last = Path(files[-1])
    return str(last.relative_to(base)) if last.is_relative_to(base) else str(last)


def _way(error: BaseException) -> Iterator[tuple[str, int]]:
    """Yield file and line of each call on the way to the error."""
    frames: TracebackType | None = error.__traceback__
    while frames is not None:
        yield frames.tb_frame.f_code.co_filename, frames.tb_lineno
        frames = frames.tb_next
