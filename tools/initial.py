"""What `init` leaves behind: an empty log, and a settings file that explains all that can be set.

The file's comments are the first documentation a person meets. A test reads the file with every
comment taken off, so each key in it is one that `settings` knows, and none is left out.
"""

import os
from contextlib import suppress
from pathlib import Path

from scheduler.executor.clock import Clock
from scheduler.model.errors import BadInput, Conflict
from scheduler.model.zones import zone
from tools.app import create

TEMPLATE = """\
# How Horolog runs on this machine. What its jobs do is in the log: horolog job --help

db = {db}  # the log; a path is read from the folder of this file
# display_timezone = "UTC"  # in which times are shown and typed; else the one below

[defaults]
timezone = {timezone}  # of a job that names none

[services]
load = ["jobs/*.py"]  # files and modules that define services
# reload = "auto"  # "never": a changed file waits for a restart or horolog service reload

[serve]
# slots = 32  # attempts at once
# stop_grace = "20s"  # for attempts to end in when the server stops

[http]
# listen = "127.0.0.1:8321"  # probes and scrapes, for this machine alone; "none": no port
# probe_listen = "0.0.0.0:8322"  # the same three answers, for anybody who reaches it

[socket]
# mode = "0600"  # "0660" lets a group in, to read and to write
# group = "horolog"

[commands]
# allow = false  # true, or a list of programs that jobs may start: ["/usr/bin/pg_dump"]

[http_request]
# allow_private = false  # true: the service http.request may reach private addresses
# allow_redirects = false  # true: it follows redirects

[retention]
# output = "30d"  # how long it is kept what attempts write
# output_bytes = "1GiB"  # of it in all; the oldest goes first

[audit]
# require_reason = false  # true: no change without --reason

# At most so many runs at once of all jobs that name the same concurrency_key; of a key that is not
# named here, one.
#
#   [concurrency]
#   "the database" = 3

# What services reach the world by; in a service: ctx.rest["My Data Source"]. Kinds: rest, redis,
# smtp, sql. A secret is named, never written here: "env:NAME", "file:PATH", "credential:NAME".
#
#   [connections."My Data Source"]
#   kind = "rest"
#   url = "https://api.example.com/orders"
#   auth = {{ kind = "bearer", token = "env:ORDERS_TOKEN" }}
#
#   [connections."My SMTP"]
#   kind = "smtp"
#   host = "mail.example.com"
#   security = "starttls"  # or "tls", "plain"
#   username = "jobs"
#   password = "file:secrets/smtp"
#   sender = "Jobs <jobs@example.com>"
"""
ZONE_FOLDER = "zoneinfo/"
LOCAL_ZONE = Path("/etc/localtime")
ZONE_FILE = Path("/etc/timezone")  # Debian
SHORTER = {"Etc/UTC": "UTC", "Etc/UCT": "UTC", "Zulu": "UTC", "Etc/Zulu": "UTC"}  # the same zone


def begin(db: Path, file: Path, timezone: str, clock: Clock) -> bool:
    """Make a log and, unless there is one, its settings file; return whether the file was made.

    Raises: Conflict, when there is a log; Unreachable, NotAuthorised, for where they would lie.
    """
    if file.exists():
        create(db, clock)
        return False
    create(db, clock)
    text = TEMPLATE.format(db=quoted(db_from(file, db)), timezone=quoted(timezone))
    try:
        with file.open("x", encoding="utf-8") as opened:
            opened.write(text)
    except OSError as error:
        raise Conflict(f"{db} was made, but {file} cannot be written: {error.strerror}") from None
    return True


def db_from(file: Path, db: Path) -> str:
    """Return the log's path as a settings file in its folder names it."""
    real, folder = Path(os.path.realpath(db)), Path(os.path.realpath(file.parent))
    return str(real.relative_to(folder)) if real.is_relative_to(folder) else str(real)


def quoted(text: str) -> str:
    """Return a text as TOML writes it."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def machine_zone() -> str:
    """Return the machine's time zone, UTC when it has none that we know by name."""
    for name in _zones_told():
        try:
            return zone(SHORTER.get(name, name), path="TZ").key
        except BadInput:
            continue
    return "UTC"


def _zones_told() -> list[str]:
    """Return what the machine says of its zone, the most trusted first."""
    told = [os.environ.get("TZ", "").removeprefix(":")]
    _, _, linked = os.path.realpath(LOCAL_ZONE).partition(ZONE_FOLDER)
    told.append(linked)
    with suppress(OSError, UnicodeDecodeError):
        told.append(ZONE_FILE.read_text(encoding="utf-8").strip())
    return [name for name in told if name]
