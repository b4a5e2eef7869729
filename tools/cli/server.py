"""`init`, `serve`, `stop`, `status`, `doctor`: a log's beginning, and the process that serves it.

What serves (the web stack, the workers) is imported by `serve` alone.
"""

import os
import time
from datetime import datetime, timedelta
from pathlib import Path

import click
from msgspec.structs import replace

from scheduler.executor.owner import OwnerRecord, who_owns
from scheduler.log.place import shown as path_shown
from scheduler.model.errors import Unreachable
from scheduler.model.limits import ANSWER_PATIENCE
from scheduler.model.written import format_duration, parse_duration
from tools.addresses import LISTEN_DEFAULT
from tools.cli.call import Call, pass_call
from tools.cli.options import prints, verb
from tools.cli.output import Record, Shape, note, say, show_record, show_rows, shown
from tools.settings import FILE_DEFAULT, LOG_DEFAULT

EXIT_TIMED_OUT = 7
EXIT_UNREACHABLE = 9
EXIT_WARNINGS = 10
LOOK_S = 0.05  # between two looks whether a server has let go of its log

STATUS = Shape(
    (
        *("serving", "db", "pid", "host", "since", "horolog", "epoch", "position", "jobs"),
        *("runs_open", "running", "slots", "owed", "held_apart", "ahead_s", "resting"),
        *("stopping", "fault", "paused", "paused_at", "paused_by"),
        *("paused_until", "pause_missed"),
        *("heartbeat_at", "views_position", "views_failure", "services", "services_missing"),
        "socket",
    ),
    ("serving", "db", "position", "jobs", "runs_open"),
)
COUNTED = (("jobs", "job"), ("runs_open", "open run"), ("position", "event"))
FINDINGS = Shape(("check", "state", "message"), ("state", "check", "message"))


@verb("init")
@pass_call
def init(call: Call, /) -> None:
    """Make a new log and its settings file.

    The log is horolog.db unless --db says otherwise, the file horolog.toml unless --config does.
    An existing log is left alone and refused; an existing file is left alone and used.
    """
    from tools.initial import begin, machine_zone

    file = Path(call.config or os.environ.get("HOROLOG_CONFIG") or FILE_DEFAULT)
    if file.exists():
        db = call.settings.db
    else:
        db = Path(call.db or os.environ.get("HOROLOG_DB") or LOG_DEFAULT)
    timezone = machine_zone()
    is_made = begin(db, file, timezone, call.clock)
    say(f"Made the log {path_shown(db)}")
    if is_made:
        say(f"Made the settings {path_shown(file)} (time zone {timezone})")
    else:
        say(f"{path_shown(file)} was there already and was left alone")
    note("Next: horolog job add NAME SERVICE --cron '*/5 * * * *', then horolog serve")


@verb("serve")
@click.option(
    "--listen",
    metavar="HOST:PORT|none",
    help=f"Answer /metrics, /healthz and /readyz there, to this machine alone ({LISTEN_DEFAULT}).",
)
@click.option(
    "--probe-listen",
    metavar="HOST:PORT|none",
    help="Answer the same three there, to anybody who reaches it (none).",
)
@pass_call
def serve(call: Call, /, *, listen: str | None, probe_listen: str | None) -> int:
    """Run the jobs of a log until stopped.

    Stops at the first SIGTERM or Ctrl-C, when attempts have ended or their grace is over; at once
    at the second.
    """
    from tools import serving

    settings = call.settings
    return serving.serve(
        replace(
            settings,
            listen=listen or settings.listen or str(LISTEN_DEFAULT),
            probe_listen=probe_listen or settings.probe_listen,
        )
    )


@verb("stop")
@click.option("--timeout", metavar="DURATION", help="Wait no longer than this; then exit with 7.")
@pass_call
def stop(call: Call, /, *, timeout: str | None) -> int:
    """Stop the server of a log, gracefully.

    Waits until it has let go of the log.
    """
    from tools.client import Client
    from tools.web import routes

    settings = call.settings
    patience = settings.stop_grace + ANSWER_PATIENCE
    if timeout is not None:
        patience = parse_duration(timeout, path="--timeout")
    owner = who_owns(settings.db)
    if owner is None:
        say(f"Nobody serves {path_shown(settings.db)}.")
        return 0
    with Client(settings.db, owner, call.clock) as client:
        client.request("POST", routes.SHUTDOWN)
    if _is_gone(settings.db, owner, patience):
        say(f"Stopped (pid {owner.pid}).")
        return 0
    note(f"pid {owner.pid} has not let go of the log after {format_duration(patience)}.")
    return EXIT_TIMED_OUT


def _is_gone(db: Path, owner: OwnerRecord, patience: timedelta) -> bool:
    """Wait until the log has another owner or none; False when `patience` is over before."""
    for _ in range(int(patience.total_seconds() / LOOK_S) + 1):
        now = who_owns(db)
        if now is None or now.pid != owner.pid or now.since != owner.since:
            return True
        time.sleep(LOOK_S)
    return False


@prints("status", *STATUS.fields)
@pass_call
def status(call: Call, /) -> int:
    """Say who serves a log and how it stands.

    Exits with 9 when nobody serves it.
    """
    owner = who_owns(call.settings.db)
    if owner is None:
        return _told_unserved(call)
    from tools.client import Client
    from tools.web import routes

    with Client(call.settings.db, owner, call.clock) as client:
        answer = client.get(routes.STATUS)
    if not isinstance(answer, dict):
        raise Unreachable(f"pid {owner.pid} does not say how it stands")
    record = {field: answer.get(field) for field in STATUS.fields}
    show_record(call, STATUS, record, _lines(record, call))
    return 0


def _told_unserved(call: Call) -> int:
    """Tell what the log and its views say while nobody serves."""
    from projections import read_jobs, read_runs
    from tools.reading import open_reading
    from tools.whole import pause_fields, pause_words

    with open_reading(call.settings) as opened:
        jobs = read_jobs.count_jobs(opened.views)
        unfinished = read_runs.count_unfinished(opened.views)
        whole = read_jobs.system(opened.views)
        record: dict[str, object] = dict.fromkeys(STATUS.fields)
        record |= {
            **pause_fields(whole),
            "serving": False,
            "db": os.path.realpath(call.settings.db),
            "position": opened.log.head().position,
            "jobs": sum(count for state, count in jobs.items() if state != "removed"),
            "runs_open": sum(
                count
                for state, count in unfinished.items()
                if state in {"waiting", "running", "retrying", "abandoned"}
            ),
        }
    lines = [
        f"{record['db']}: nobody serves it, so nothing fires",
        f"  {', '.join([_count(record[field], word) for field, word in COUNTED])}",
    ]
    paused = pause_words(whole, call.zone)
    lines += [] if paused is None else [f"  {paused}"]
    show_record(call, STATUS, record, lines)
    note("Serve it: horolog serve")
    return EXIT_UNREACHABLE


def _lines(record: Record, call: Call) -> list[str]:
    """Return how a server stands, for people; what needs a person comes last."""
    since = record["since"]
    if isinstance(since, str):
        since = shown(datetime.fromisoformat(since), call)
    jobs, services = _count(record["jobs"], "job"), _count(record["services"], "service")
    slots, open_runs = record["slots"], _count(record["runs_open"], "open run")
    lines = [
        f"{record['db']}: served by pid {record['pid']} on {record['host']} since {since}",
        f"  Horolog {record['horolog']}, epoch {record['epoch']}, {jobs}, {services}",
        f"  {record['running']} of {slots} slots taken, {open_runs}, {record['owed']} due",
        f"  {_count(record['position'], 'event')}, socket {record['socket']}",
    ]
    lines += [f"  {told}" for told in _list(record["services_missing"])]
    lines += [f"  {told}" for told in _list(record["held_apart"])]
    if record["views_failure"]:
        lines.append(f"  The views are not kept up: {record['views_failure']}")
    if record["ahead_s"]:
        lines.append(
            f"  The log is ahead of the clock by {record['ahead_s']} s. Is the clock right?"
            " horolog clock accept"
        )
    if record["resting"]:
        lines.append("  The clock jumped: deciding rests until it has stood for a minute")
    from tools.whole import words_told

    paused = words_told(record, call.zone)
    if paused is not None:
        lines.append(f"  {paused}")
    if record["stopping"]:
        lines.append("  It is stopping")
    if record["fault"]:
        lines.append(f"  Nothing is decided: {record['fault']}")
    return lines


def _count(number: object, what: str) -> str:
    """Return a number of things in words."""
    figure = f"{number:,}" if isinstance(number, int) else str(number)
    return f"{figure} {what}" if number == 1 else f"{figure} {what}s"


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


@prints("doctor", *FINDINGS.fields)
@click.option("--strict", is_flag=True, help="Exit with 10 when there are warnings.")
@pass_call
def doctor(call: Call, /, *, strict: bool) -> int:
    """Look for what is wrong with an installation.

    Changes nothing, and may be called while a server runs.
    """
    from tools.doctor import examine

    findings = list(examine(call.settings, call.clock))
    records: list[Record] = [
        {"check": one.check, "state": one.state, "message": one.message} for one in findings
    ]
    show_rows(call, FINDINGS, records)
    failed = [one.exit_code for one in findings if one.state == "fail"]
    if failed:
        return failed[0]
    is_warned = any(one.state == "warn" for one in findings)
    return EXIT_WARNINGS if strict and is_warned else 0
