"""Settings in, one frozen `Settings` out; what is wrong is refused early, by file and name.

The file is TOML, the first found of `--config`, HOROLOG_CONFIG, ./horolog.toml and
/etc/horolog/horolog.toml. A path in it is read from the folder the file lies in, so a command means
the same wherever it is typed. It says how Horolog runs on this machine; what a job does is never
here, but in the log. `TABLES` is the whole of what may be set: the commented file that `init`
writes and the documentation are held against it.
"""

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from scheduler.model.errors import BadInput, Problem
from scheduler.model.json_values import path_key, shown
from scheduler.model.limits import (
    DURATION_MAX,
    KEY_LIMIT_MAX,
    KEYS_NAMED_MAX,
    OUTPUT_KEPT,
    OUTPUT_KEPT_BYTES,
    PATTERNS_MAX,
    SETTINGS_BYTES_MAX,
    SLOTS_DEFAULT,
    SLOTS_MAX,
)
from scheduler.model.nearness import nearest
from scheduler.model.validation_policies import key_problems
from scheduler.model.written import format_duration, parse_duration
from scheduler.model.zones import zone
from services.connections.kinds import AnyConnection
from tools.addresses import read_address

LOG_DEFAULT = Path("horolog.db")
FILE_DEFAULT = Path("horolog.toml")
FILE_OF_MACHINE = Path("/etc/horolog/horolog.toml")
SOCKET_MODE_DEFAULT = 0o600
STOP_GRACE_DEFAULT = timedelta(seconds=20)
STOP_GRACE_MAX = timedelta(hours=24)
UNITS = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}
SIZE = re.compile(rf"([0-9]{{1,6}}) ?({'|'.join(UNITS)})", re.ASCII)


class Settings(Struct, frozen=True, kw_only=True):
    """How Horolog runs on this machine."""

    db: Path = LOG_DEFAULT
    file: Path | None = None  # where the settings came from; None: defaults only
    base: Path = Path()  # the folder that the patterns of `load` start from
    timezone: str = "UTC"  # of a job that names none
    display_timezone: str | None = None  # of times shown and typed; None: that of jobs
    load: tuple[str, ...] = ()  # files and modules that define services
    reload: Literal["auto", "never"] = "auto"  # whether a server follows changes of those files
    slots: int = SLOTS_DEFAULT  # attempts at once
    concurrency: dict[str, int] = {}  # runs at once by concurrency key; of any other key: 1
    stop_grace: timedelta = STOP_GRACE_DEFAULT  # for attempts to end in when the server stops
    socket_mode: int = SOCKET_MODE_DEFAULT
    socket_group: str | None = None
    require_reason: bool = False  # a change without --reason is refused
    output_retention: timedelta = OUTPUT_KEPT  # of what attempts write
    output_bytes: int = OUTPUT_KEPT_BYTES  # of all of it; the oldest goes first
    listen: str | None = None  # HOST:PORT or "none"; None: what `serve` does unless it is told
    probe_listen: str | None = None  # likewise
    connections: tuple[AnyConnection, ...] = ()  # what services reach the world by
    commands: bool | tuple[str, ...] = False  # programs that jobs may start: any, or these
    allow_private: bool = False  # http.request may reach private addresses
    allow_redirects: bool = False  # http.request follows redirects


def load_settings(
    *, config: str | None = None, db: str | None = None, environ: Mapping[str, str]
) -> Settings:
    """Return the settings that options, environment and file say, in this order of weight.

    Raises: BadInput, naming the file and every wrong key at once.
    """
    file = settings_file(config, environ)
    settings = Settings() if file is None else read_settings(file)
    for field in ("listen", "probe_listen"):
        name = f"HOROLOG_{field.upper()}"
        if name in environ:
            settings = replace(settings, **{field: _address(environ[name], name)})
    path = db if db is not None else environ.get("HOROLOG_DB")
    if path is None:
        return settings
    source = "--db" if db is not None else "HOROLOG_DB"
    if not path or "\0" in path:
        raise BadInput.at(source, "names no file.", "Write the path of a log, as in ./horolog.db")
    return replace(settings, db=Path(path))


def settings_file(config: str | None, environ: Mapping[str, str]) -> Path | None:
    """Return the settings file, None when there is none; one that was named must be there."""
    for named, source in ((config, "--config"), (environ.get("HOROLOG_CONFIG"), "HOROLOG_CONFIG")):
        if named is not None:
            if not named or "\0" in named or not Path(named).is_file():
                raise BadInput.at(source, f"there is no settings file {shown(named)}.")
            return Path(named)
    return next((path for path in (FILE_DEFAULT, FILE_OF_MACHINE) if path.is_file()), None)


def read_settings(file: Path) -> Settings:
    """Return what a settings file says; what it does not say is as by default."""
    tables = _toml(file)
    problems: list[Problem] = []
    found: dict[str, object] = {"file": file, "base": file.parent}
    for name, read_own in OWN_NAMES.items():
        if name in tables:
            try:
                found[name] = read_own(tables.pop(name))
            except BadInput as bad:
                problems += bad.problems
    for path, value in _leaves(tables, "", problems):
        field, read = _KEYS[path]
        try:
            found[field] = read(value, path)
        except BadInput as bad:
            problems += bad.problems
    if problems:
        raise BadInput(*(p._replace(path=f"{file}: {p.path}") for p in problems))
    if "db" in found:
        found["db"] = file.parent / str(found["db"])
    return replace(Settings(), **found)


def _connections(value: object) -> tuple[AnyConnection, ...]:
    """Return the connections of the settings. Raises: BadInput, with everything that is wrong."""
    from services.connections.reading import read_connections

    return read_connections(value, CONNECTIONS)


def read_concurrency(value: object) -> dict[str, int]:
    """Return how many runs of each concurrency key may run at once.

    Raises: BadInput, with everything that is wrong.
    """
    if not isinstance(value, Mapping):
        raise BadInput.at(CONCURRENCY, "is a table of keys, not a value.", f"Write [{CONCURRENCY}]")
    if len(value) > KEYS_NAMED_MAX:
        raise BadInput.at(CONCURRENCY, f"names {len(value):,} keys; at most {KEYS_NAMED_MAX:,}.")
    found: dict[str, int] = {}
    problems: list[Problem] = []
    for key, limit in value.items():
        path = f"{CONCURRENCY}.{path_key(str(key))}"
        problems += key_problems(str(key), path)
        try:
            found[str(key)] = _count(limit, path, KEY_LIMIT_MAX)
        except BadInput as bad:
            problems += bad.problems
    if problems:
        raise BadInput(*problems)
    return found


def _toml(file: Path) -> dict[str, object]:
    """Return the tables of a TOML file."""
    try:
        raw = file.read_bytes()
        if len(raw) > SETTINGS_BYTES_MAX:
            raise BadInput.at(str(file), f"is larger than {SETTINGS_BYTES_MAX:,} bytes.")
        return tomllib.loads(raw.decode())
    except OSError as error:
        raise BadInput.at(str(file), f"cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError as error:
        raise BadInput.at(str(file), f"byte {error.start} is not UTF-8.") from None
    except tomllib.TOMLDecodeError as error:
        raise BadInput.at(str(file), f"this is not TOML: {error}.") from None
    except RecursionError:
        raise BadInput.at(str(file), "is nested too deep.") from None


def _leaves(
    table: Mapping[str, object], prefix: str, problems: list[Problem]
) -> Iterator[tuple[str, object]]:
    """Yield the known keys below `table` with their values; note every other one."""
    for key, value in table.items():
        path = f"{prefix}{key}"
        if path in _KEYS:
            yield path, value
        elif path in TABLES:
            if isinstance(value, Mapping):
                yield from _leaves(value, f"{path}.", problems)
            else:
                problems.append(
                    Problem(path, "is a table of settings, not a value.", f"Write [{path}]")
                )
        else:
            problems.append(_unknown(key, prefix))


def _unknown(key: str, prefix: str) -> Problem:
    """Return the refusal of a key that nobody reads, with the one that was probably meant."""
    known = sorted({*_KEYS, *TABLES, *OWN_NAMES})
    here = [name.removeprefix(prefix) for name in known if name.startswith(prefix)]
    elsewhere = [name for name in known if name.rpartition(".")[2] == key]
    named = shown(f"{prefix}{key}").strip('"')
    close = nearest(key, here)
    if close is not None:
        return Problem(named, "is not a setting.", f"Did you mean {prefix}{close}?")
    if elsewhere:
        return Problem(named, "is not a setting.", f"Did you mean {elsewhere[0]}?")
    direct = [name for name in here if "." not in name]
    return Problem(named, "is not a setting.", f"Known here: {', '.join(direct)}")


def _text(value: object, path: str) -> str:
    if not isinstance(value, str) or not value or not value.isprintable():
        raise BadInput.at(path, f"got {shown(value)} instead of a text.", 'Write it in "quotes"')
    return value


def _zone(value: object, path: str) -> str:
    return zone(_text(value, path), path=path).key


def _patterns(value: object, path: str) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise BadInput.at(path, f"got {shown(value)} instead of a list.", 'As in ["jobs/*.py"]')
    if len(value) > PATTERNS_MAX:
        raise BadInput.at(path, f"has {len(value)} entries; at most {PATTERNS_MAX}.")
    return tuple(_text(part, f"{path}[{place}]") for place, part in enumerate(value))


def _reload(value: object, path: str) -> str:
    if value not in {"auto", "never"}:
        raise BadInput.at(path, f'got {shown(value)} instead of "auto" or "never".')
    return str(value)


def _slots(value: object, path: str) -> int:
    return _count(value, path, SLOTS_MAX)


def _count(value: object, path: str, most: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= most:
        raise BadInput.at(path, f"got {shown(value)} instead of a whole number from 1 to {most:,}.")
    return value


def _grace(value: object, path: str) -> timedelta:
    if not isinstance(value, str):
        raise BadInput.at(
            path, f"got {shown(value)} instead of a duration.", 'Write it as in "20s"'
        )
    grace = parse_duration(value, path=path)
    if not timedelta(0) <= grace <= min(STOP_GRACE_MAX, DURATION_MAX):
        raise BadInput.at(path, f"is more than {format_duration(STOP_GRACE_MAX)}.")
    return grace


def _mode(value: object, path: str) -> int:
    """Return a file mode; only the owner and a group may be let in, and only to read and write."""
    hint = 'Write "0600" (you alone) or "0660" (you and the group)'
    if not isinstance(value, str) or value not in {"0600", "0660", "600", "660"}:
        raise BadInput.at(path, f"got {shown(value)} instead of a mode.", hint)
    return int(value, 8)


def _address(value: object, path: str) -> str:
    """Return where to listen, as it is written."""
    written = _text(value, path)
    read_address(written, path)
    return written


def _retention(value: object, path: str) -> timedelta:
    if not isinstance(value, str):
        raise BadInput.at(
            path, f"got {shown(value)} instead of a duration.", 'Write it as in "30d"'
        )
    kept = parse_duration(value, path=path)
    if kept < timedelta(0):
        raise BadInput.at(path, f"got {shown(value)}: nothing is kept for less than no time.")
    return kept


def _size(value: object, path: str) -> int:
    """Return a number of bytes, written with its unit."""
    found = SIZE.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        known = ", ".join(UNITS)
        raise BadInput.at(
            path, f"got {shown(value)} instead of a size.", f'As in "1GiB"; units: {known}'
        )
    return int(found[1]) * UNITS[found[2]]


def _flag(value: object, path: str) -> bool:
    if not isinstance(value, bool):
        raise BadInput.at(path, f"got {shown(value)} instead of true or false.")
    return value


def _commands(value: object, path: str) -> bool | tuple[str, ...]:
    """Return which programs may be started: all, none, or those at these absolute paths."""
    if isinstance(value, bool):
        return value
    if not isinstance(value, list):
        raise BadInput.at(
            path,
            f"got {shown(value)} instead of true, false or a list of paths.",
            'As in ["/usr/bin/pg_dump"]',
        )
    paths = _patterns(value, path)
    for place, part in enumerate(paths):
        if not part.startswith("/"):
            raise BadInput.at(f"{path}[{place}]", f"{shown(part)} is not an absolute path.")
    return paths


CONNECTIONS = "connections"
CONCURRENCY = "concurrency"
OWN_NAMES: dict[str, Callable[[object], object]] = {  # tables whose keys are the user's own
    CONNECTIONS: _connections,
    CONCURRENCY: read_concurrency,
}
TABLES = (
    "defaults",
    "services",
    "serve",
    "http",
    "socket",
    "audit",
    "retention",
    "commands",
    "http_request",
)
_KEYS: dict[str, tuple[str, Callable[[object, str], object]]] = {
    "db": ("db", _text),
    "display_timezone": ("display_timezone", _zone),
    "defaults.timezone": ("timezone", _zone),
    "services.load": ("load", _patterns),
    "services.reload": ("reload", _reload),
    "serve.slots": ("slots", _slots),
    "serve.stop_grace": ("stop_grace", _grace),
    "http.listen": ("listen", _address),
    "http.probe_listen": ("probe_listen", _address),
    "socket.mode": ("socket_mode", _mode),
    "socket.group": ("socket_group", _text),
    "commands.allow": ("commands", _commands),
    "http_request.allow_private": ("allow_private", _flag),
    "http_request.allow_redirects": ("allow_redirects", _flag),
    "audit.require_reason": ("require_reason", _flag),
    "retention.output": ("output_retention", _retention),
    "retention.output_bytes": ("output_bytes", _size),
}
KEYS = tuple(_KEYS)
FIELDS = {path: field for path, (field, _) in _KEYS.items()}
