"""The four kinds of schedule a job can have: what was asked for, not yet reckoned.

A schedule is plain, frozen and hashable, so it can be a key (fire times are reckoned once per
schedule and shared). It holds resolved values only: an interval knows its anchor, a cron schedule
its zone. What people type is read in
`written`; what the fields mean on a calendar is `firing`'s.
"""

from datetime import datetime, timedelta
from typing import Literal

from msgspec import Struct


class Once(Struct, frozen=True, gc=False, tag_field="kind", tag="once", forbid_unknown_fields=True):
    """Fires a single time, at `at` (UTC, whole seconds)."""

    at: datetime


class Interval(
    Struct, frozen=True, gc=False, tag_field="kind", tag="interval", forbid_unknown_fields=True
):
    """Fires at `anchor + k * every` in elapsed time; the anchor itself is a fire time (k = 0)."""

    every: timedelta  # 1 s or more, whole seconds
    anchor: datetime | None = None  # UTC; resolved at definition, never None in a stored job


class Cron(
    Struct,
    frozen=True,
    gc=False,
    tag_field="kind",
    tag="cron",
    forbid_unknown_fields=True,
    omit_defaults=True,
):
    """Fires when the local clock of `timezone` matches any of the expressions."""

    expressions: tuple[str, ...]  # as typed, 1 to 16 of them; normalised in `cron`
    timezone: str = "UTC"
    gap: Literal["after", "skip"] = "after"  # a fixed local time that the clock skips
    fold: Literal["first", "last"] = "first"  # a fixed local time that occurs twice
    seconds: bool = False  # six fields, seconds first


class Manual(
    Struct, frozen=True, gc=False, tag_field="kind", tag="none", forbid_unknown_fields=True
):
    """Never fires by itself: only by hand or by a callback."""


Schedule = Once | Interval | Cron | Manual
