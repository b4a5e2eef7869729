"""The pause of everything, as the views tell it: in words, and what it leaves of fire times ahead.

Fire times up to its end are treated as it says when it ends; those that run as they come begin
after it. Without an end, nobody knows of any.
"""

from collections.abc import Mapping
from datetime import datetime

from projections.rows import JobRow, SystemRow
from scheduler.model.coming import next_coming
from scheduler.model.instants import CALENDAR_END
from scheduler.model.jobs import Missed
from scheduler.model.written import format_instant

THEN: dict[Missed, str] = {
    "skip": "what it misses is skipped",
    "latest": "the newest fire it misses runs then",
    "all": "every fire it misses runs then",
}
RESUME = "To end it: horolog job resume --all"


def pause_words(whole: SystemRow | None, zone: str) -> str | None:
    """Return since when everything is paused, by whom and until when; None when it is not."""
    return words_told(pause_fields(whole), zone)


def pause_fields(whole: SystemRow | None) -> dict[str, object]:
    """Return the pause of everything as `status` has it."""
    if whole is None:
        return {"paused": False}
    return {
        "paused": whole.paused_at is not None,
        "paused_at": whole.paused_at,
        "paused_by": whole.paused_by,
        "paused_until": whole.paused_until,
        "pause_missed": whole.pause_missed,
    }


def words_told(fields: Mapping[str, object], zone: str) -> str | None:
    """Return in words the pause that `status` tells of, as the views have it or as JSON."""
    if not fields.get("paused"):
        return None
    words = "Everything is paused"
    since, until = instant_of(fields.get("paused_at")), instant_of(fields.get("paused_until"))
    if since is not None:
        words += f" since {format_instant(since, zone)}"
    if fields.get("paused_by"):
        words += f" by {fields['paused_by']}"
    if until is not None:
        then = next((THEN[one] for one in THEN if one == fields.get("pause_missed")), THEN["skip"])
        words += f" until {format_instant(until, zone)}; {then}"
    return f"{words}. {RESUME}"


def instant_of(value: object) -> datetime | None:
    """Return an instant, from JSON too."""
    if isinstance(value, str):
        return datetime.fromisoformat(value)
    return value if isinstance(value, datetime) else None


def fires_after(whole: SystemRow | None, after: datetime) -> datetime:
    """Return from when on fire times run, exclusive; the end of our calendar when nobody knows."""
    if whole is None or whole.paused_at is None:
        return after
    return max(after, whole.paused_until or CALENDAR_END)


def next_run(row: JobRow, whole: SystemRow | None) -> datetime | None:
    """Return a job's first fire time that will run as it comes; None when there is none known."""
    if row.next_fire is None:
        return None
    after = fires_after(whole, row.cursor)
    if row.next_fire > after or after == row.cursor:
        return row.next_fire
    return next_coming(row.definition, after=after, skipping=row.skipping)
