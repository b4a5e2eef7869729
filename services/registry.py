"""The services there are: which function stands behind a name, and which code it is.

`@service("name")` puts a function into the registry of the file that is being loaded, else into
`DEFAULT`, the only global there is. A name is given once: the second giver is refused, and told
where the first one stands. The same place registering again (a module imported again, or loaded by
path and imported too) takes its old place.

Children import this file: it must stay quick to import.
"""

import inspect
import re
import threading
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import TypeVar

from msgspec import Struct

from scheduler.model.content import digest_of
from scheduler.model.errors import BadInput, Conflict
from scheduler.model.limits import KNOWN_SHOWN_MAX, SERVICE_CHARS_MAX, SUMMARY_CHARS_MAX
from services.sources import Source, read_source

REGISTRY_NAME = "__horolog_registry__"  # the global of a loaded file that names its registry

_NAME = re.compile(rf"[a-z][a-z0-9_.-]{{0,{SERVICE_CHARS_MAX - 1}}}")


Callee = Callable[..., object]  # does the work; it takes the context, or nothing
Function = TypeVar("Function", bound=Callee)


class Service(Struct, frozen=True, kw_only=True):
    """One entry of the registry."""

    name: str
    function: Callee
    is_async: bool
    takes_context: bool
    module: str  # where to import it again, unless `source` says how
    file: str
    line: int
    code: str | None  # SHA-256 of the file's bytes; None when there is no file
    summary: str  # the first line of its docstring
    source: Source | None = None  # of a file that was loaded by path

    @property
    def place(self) -> str:
        """Return where it was registered, as file:line."""
        return f"{self.file}:{self.line}"

    def call(self, context: object) -> object:
        """Call the function, with the context if it takes one."""
        return self.function(context) if self.takes_context else self.function()

    async def call_async(self, context: object) -> object:
        """Call the function and await what it returns."""
        value = self.call(context)
        return await value if isinstance(value, Awaitable) else value


READY_MADE = "services.builtin."  # the modules of what comes with Horolog


class Registry:
    """Services by name."""

    def __init__(self, source: Source | None = None) -> None:
        self.source = source  # the file whose services these are
        self._services: dict[str, Service] = {}
        self._adding = threading.Lock()  # files are loaded side by side

    def __len__(self) -> int:
        return len(self._services)

    def __iter__(self) -> Iterator[Service]:
        return iter(self._services.values())

    def __contains__(self, name: str) -> bool:
        return name in self._services

    def get(self, name: str) -> Service | None:
        """Return the service of this name, None when there is none."""
        return self._services.get(name)

    def service(self, name: str) -> Callable[[Function], Function]:
        """Return the decorator that registers a function here under `name`."""
        return _decorator(name, _caller(), self)

    def add(self, *services: Service) -> None:
        """Take in these services, all or none.

        Raises: Conflict, naming both places, when another place gave such a name before.
        """
        with self._adding:
            taken = dict(self._services)
            for new in services:
                old = taken.get(new.name)
                if old is not None and old.place != new.place:
                    raise Conflict(
                        f'two services are called "{new.name}": {old.place} and {new.place}.'
                        " Rename one"
                    )
                taken[new.name] = new
            self._services = taken  # at once: workers may be looking

    def _is_ready_made(self, name: str) -> bool:
        """Return whether a service comes with Horolog: a user's own are named first."""
        return self._services[name].module.startswith(READY_MADE)

    def unknown(self, name: str) -> str:
        """Return the sentence for someone who asked for a service that is not here."""
        names = sorted(self._services, key=lambda known: (self._is_ready_made(known), known))
        shown = ", ".join(names[:KNOWN_SHOWN_MAX]) or "none"
        more = len(names) - KNOWN_SHOWN_MAX
        rest = f" ({more} more: horolog service list)" if more > 0 else ""
        return f'no service "{name}". Known: {shown}{rest}'


DEFAULT = Registry()  # of whatever is imported in the ordinary way


def service(name: str) -> Callable[[Function], Function]:
    """Return the decorator that makes a function the service `name`; the function stays as it is.

    Raises: BadInput, when the name is none or the function cannot be a service; Conflict, when the
    name is taken.
    """
    caller = _caller()
    registry = caller.f_globals.get(REGISTRY_NAME)
    return _decorator(name, caller, registry if isinstance(registry, Registry) else DEFAULT)


def described(
    name: str, function: Callee, *, file: str, line: int, module: str, source: Source | None = None
) -> Service:
    """Return the registry's entry for a function.

    Raises: BadInput, when the name is none or the function cannot be a service.
    """
    check_name(name)
    return Service(
        name=name,
        function=function,
        is_async=_is_async(function),
        takes_context=_takes_context(name, function),
        module=module,
        file=file,
        line=line,
        code=source.digest if source is not None else _digest_of_file(file),
        summary=_summary(function),
        source=source,
    )


def check_name(name: object) -> None:
    """Raise BadInput unless this is a service's name."""
    if callable(name):
        raise BadInput.at("$.service", "a service needs a name.", 'Write @service("the.name").')
    if not isinstance(name, str) or _NAME.fullmatch(name) is None:
        raise BadInput.at(
            "$.service",
            f"{str(name)[: SERVICE_CHARS_MAX + 1]!r} is no name for a service.",
            f"It begins with a to z, then a to z, 0 to 9, dot, dash or underscore; at most"
            f" {SERVICE_CHARS_MAX} characters.",
        )


def _decorator(name: str, caller: FrameType, registry: Registry) -> Callable[[Function], Function]:
    check_name(name)
    line = caller.f_lineno
    module = str(caller.f_globals.get("__name__", ""))
    file = caller.f_code.co_filename
    source = registry.source
    if source is None and module == "__main__":
        source = _source_of_main(file)

    def register(function: Function) -> Function:
        registry.add(described(name, function, file=file, line=line, module=module, source=source))
        return function

    return register


def _caller() -> FrameType:
    """Return the frame of whoever called our caller."""
    here = inspect.currentframe()
    caller = here.f_back.f_back if here is not None and here.f_back is not None else None
    if caller is None:
        raise RuntimeError("this Python does not tell who is calling")
    return caller


def _source_of_main(file: str) -> Source | None:
    """Return the script that is running; nobody can import it again, so a child must run it."""
    try:
        return read_source(Path(file).resolve())
    except OSError:
        return None


def _digest_of_file(file: str) -> str | None:
    try:
        return digest_of(Path(file).read_bytes())
    except OSError:
        return None


def _is_async(function: Callee) -> bool:
    call = getattr(function, "__call__", None)  # noqa: B004  # an object's own async __call__
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(call)


def _takes_context(name: str, function: Callee) -> bool:
    """Return whether the function is called with the context.

    Raises: BadInput, when it wants anything else, or is a generator, whose body no call would run.
    """
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise BadInput.at("$.service", f'"{name}" is a generator.', "Return the result instead.")
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return True  # written in C, and silent about what it takes
    needed = [
        p.name
        for p in parameters
        if p.default is p.empty and p.kind not in {p.VAR_POSITIONAL, p.VAR_KEYWORD}
    ]
    by_position = [p for p in parameters if p.kind not in {p.KEYWORD_ONLY, p.VAR_KEYWORD}]
    if len(needed) > len(by_position[:1]):
        raise BadInput.at(
            "$.service",
            f'"{name}" takes {", ".join(needed)}; a service is called with its context or nothing.',
            f"Write def {getattr(function, '__name__', 'service')}(ctx), and take the rest from"
            f" ctx.input.",
        )
    return bool(by_position)


def _summary(function: Callee) -> str:
    text = (inspect.getdoc(function) if inspect.isroutine(function) else None) or ""
    return text.strip().partition("\n")[0].strip()[:SUMMARY_CHARS_MAX]
