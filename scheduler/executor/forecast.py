"""What the next fire times of each cron schedule were, as the last server foresaw them.

The fire times of a cron schedule follow from its text, the zone data and the code that reads both;
an upgrade changes the last two, and nobody sees which jobs it moved. So a server that stops in
order notes the next FORESEEN_FIRES of each schedule beside the log, with the versions that reckoned
them, and `moved` compares. Noted is the stretch itself and not a digest: zone data can change
without any version changing, and whoever looks wants to know from when to when.

It is a note for people. Nothing is decided by it, it may be lost with the views, and it stays until
the next server stops in order, so it can be asked before and after an upgraded one has started.
Instants and intervals cannot move, so only cron schedules are noted.
"""

import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec

from scheduler.executor.derived import ViewsFile
from scheduler.model.errors import BadInput
from scheduler.model.firing import fire_times
from scheduler.model.instants import CALENDAR_END, instant, second_at
from scheduler.model.limits import FORESEEN_FIRES, FORESEEN_SCHEDULES_MAX, SEARCH_YEARS
from scheduler.model.schedules import Cron, Schedule
from scheduler.model.zones import is_known

TABLE = """
CREATE TABLE IF NOT EXISTS forecast(
  schedule BLOB PRIMARY KEY, body BLOB NOT NULL) STRICT, WITHOUT ROWID;
"""


class Forecast(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The fire times of one schedule that were ahead, and what reckoned them."""

    seconds: tuple[int, ...]  # since 1970, ascending; all there were, up to FORESEEN_FIRES
    versions: dict[str, str]


class Moved(NamedTuple):
    """How the fire times ahead differ from those that were foreseen."""

    gone: tuple[datetime, ...]  # foreseen, and fire times no more
    new: tuple[datetime, ...]  # fire times, and not foreseen


_encode_key = msgspec.json.Encoder(order="deterministic").encode
_decode_key = msgspec.json.Decoder(Cron).decode
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Forecast).decode


def note(
    views: ViewsFile, schedules: Iterable[Schedule], now: datetime, versions: Mapping[str, str]
) -> None:
    """Note what each of these schedules has ahead, in place of what was noted before.

    Of more than FORESEEN_SCHEDULES_MAX different ones the first are noted; one that cannot be
    reckoned here is not. Raises: sqlite3.Error, ViewsRenewed.
    """
    crons = dict.fromkeys(
        one for one in schedules if isinstance(one, Cron) and is_known(one.timezone)
    )
    until = min(now + timedelta(days=366 * SEARCH_YEARS), CALENDAR_END)
    rows = []
    for schedule in list(crons)[:FORESEEN_SCHEDULES_MAX]:
        with suppress(BadInput):  # its text is accepted no more, which the doctor tells
            ahead = fire_times(schedule, after=now, until=until, limit=FORESEEN_FIRES)
            seconds = tuple(second_at(fire) for fire in ahead)
            rows.append((_encode_key(schedule), _encode(Forecast(seconds, dict(versions)))))
    with views.transaction() as connection:
        connection.execute(TABLE)
        connection.execute("DELETE FROM forecast")
        connection.executemany("INSERT INTO forecast VALUES (?, ?)", rows)


def noted(connection: sqlite3.Connection) -> dict[Cron, Forecast]:
    """Return what was foreseen of each schedule; nothing when no server has noted anything."""
    has_table = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'forecast'"
    if connection.execute(has_table).fetchone() is None:
        return {}
    rows = connection.execute("SELECT schedule, body FROM forecast").fetchall()
    return {_decode_key(key): _decode(body) for key, body in rows}


def moved(schedule: Cron, forecast: Forecast, now: datetime) -> Moved | None:
    """Compare what was foreseen from `now` on with what is reckoned today.

    None when nothing that was foreseen lies ahead any more: then it cannot be told.
    Raises: BadInput, when the schedule cannot be reckoned here: its zone is not known.
    """
    foreseen = [fire for fire in map(instant, forecast.seconds) if fire > now]
    if not foreseen:
        return None
    today = fire_times(schedule, after=now, until=foreseen[-1], limit=2 * FORESEEN_FIRES)
    gone = set(foreseen) - set(today)
    new = set(today) - set(foreseen)
    return Moved(tuple(sorted(gone)), tuple(sorted(new)))
