"""One call of the command: where the log is, whose zone and which form the answer takes.

The global options and those of a verb write here, whichever side of the verb they were typed on;
the verbs read. It knows no verb and prints nothing; the settings are loaded only when a verb asks
for them.
"""

import os
import re
from datetime import datetime
from functools import cached_property
from typing import Literal, NamedTuple

import click

from scheduler.executor.clock import Clock, SystemClock
from scheduler.model.errors import BadInput
from scheduler.model.json_values import shown
from scheduler.model.limits import KEY_TYPED_CHARS_MAX, TEXT_CHARS_MAX
from tools.settings import Settings, load_settings

FRACTION = re.compile(r"(:[0-9]{2})\.[0-9]+", re.ASCII)  # of a second, as typed


class Form(NamedTuple):
    """How the answer is printed: for people, JSON, JSON lines, CSV; `fields` narrow JSON."""

    kind: Literal["people", "json", "jsonl", "csv"] = "people"
    fields: tuple[str, ...] = ()


class Call:
    """What was said on the command line apart from the verb's own words."""

    def __init__(self, clock: Clock | None = None) -> None:
        self.db: str | None = None
        self.config: str | None = None
        self.tz: str | None = None
        self.json: str | None = None  # "" for all fields
        self.jsonl = False
        self.csv = False
        self.reason: str | None = None
        self.actor: str | None = None
        self.key: str | None = None
        self.dry_run = False
        self.clock: Clock = clock or SystemClock()

    def refuse_wrong(self) -> None:
        """Refuse what is wrong for every verb alike; a zone of the settings is checked with them.

        Raises: BadInput.
        """
        if self.tz is not None:
            _ = self.zone
        if self.key is not None:
            refuse_wrong_key(self.key)

    @cached_property
    def settings(self) -> Settings:
        """The settings as the options, the environment and the file say."""
        return load_settings(config=self.config, db=self.db, environ=os.environ)

    @cached_property
    def now(self) -> datetime:
        """The instant of this call; one call, one instant."""
        return self.clock.now()

    @property
    def form(self) -> Form:
        """The form that was asked for; BadInput when two were."""
        asked = [
            name
            for name, given in (
                ("--json", self.json is not None),
                ("--jsonl", self.jsonl),
                ("--csv", self.csv),
            )
            if given
        ]
        if len(asked) > 1:
            raise BadInput.at(asked[1], f"stands against {asked[0]}: an answer has one form.")
        if self.json is not None:
            fields = tuple(name.strip() for name in self.json.split(",") if name.strip())
            return Form("json", fields)
        if self.jsonl:
            return Form("jsonl")
        return Form("csv") if self.csv else Form()

    @cached_property
    def zone(self) -> str:
        """The zone in which times are read and shown: --tz, else the settings'."""
        from scheduler.model.zones import zone

        if self.tz is not None:
            return zone(self.tz, path="--tz").key
        return self.settings.display_timezone or self.settings.timezone

    def instant(self, text: str, *, option: str, zone: str | None = None) -> datetime:
        """Return the instant a person typed, read in `zone`, else in the call's own."""
        from scheduler.model.written import parse_instant

        return parse_instant(text, zone=zone or self.zone, now=self.now, path=option)

    def unrounded(self, text: str, *, option: str) -> datetime:
        """Return the instant a person typed to its fraction, to be compared with now."""
        from scheduler.model.written import read_instant

        return read_instant(text, zone=self.zone, now=self.now, path=option)

    def instant_after(self, text: str, *, option: str, zone: str | None = None) -> datetime:
        """Return the last whole second up to the instant typed: the same seconds follow both."""
        return self.instant(FRACTION.sub(r"\1", text), option=option, zone=zone)

    def span(self, since: str | None, until: str | None) -> tuple[datetime | None, datetime | None]:
        """Return the instants that a list is narrowed by, --since and --until.

        Raises: BadInput, also when they are swapped: nothing lies between them.
        """
        first = None if since is None else self.instant_after(since, option="--since")
        last = None if until is None else self.instant(until, option="--until")
        if first is not None and last is not None and last < first:
            raise BadInput.at("--until", "lies before --since.")
        return first, last

    def refuse_moving(self, text: str | None, *, option: str) -> None:
        """Refuse, under a key, an instant that is another at each call: a repeat must say the same.

        Raises: BadInput.
        """
        typed = "" if text is None else text.strip(" ")
        if self.key is not None and (typed == "now" or typed.startswith(("+", "in "))):
            raise BadInput.at(
                option,
                f"{shown(typed)} is another instant at each call: under --key, a repeat must say"
                " the same.",
                "Write the date and the time",
            )

    def why(self) -> str | None:
        """Return the reason given, checked."""
        if self.reason is not None and len(self.reason) > TEXT_CHARS_MAX:
            raise BadInput.at("--reason", f"is longer than {TEXT_CHARS_MAX:,} characters.")
        return self.reason


def refuse_wrong_key(key: str) -> None:
    """Refuse a key that cannot travel, whoever answers: it is a header on the way to a server.

    Raises: BadInput.
    """
    from tools.wishes import checked_key

    checked_key(key, "--key", chars_max=KEY_TYPED_CHARS_MAX)
    if not key.isascii() or key != key.strip(" "):
        raise BadInput.at(
            "--key",
            f"{shown(key)} is no key: it is of ASCII, with no space before or behind it.",
            "As in --key import-2026-03-01",
        )


pass_call = click.make_pass_decorator(Call, ensure=True)
