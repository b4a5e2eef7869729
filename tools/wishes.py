"""What a command asks for and what it is told: the one form in which wishes travel inside `tools`.

Whoever asks does not know who answers: the owner of the log over its socket (`client`), or this
very process when nobody owns it (`owning`). Both take a `Wish` and give `Told`.
"""

from collections.abc import Sequence
from typing import Protocol

import msgspec
from msgspec import Struct

from scheduler.executor.handle import Answer
from scheduler.model.commands import AnyCommand
from scheduler.model.content import Contents
from scheduler.model.errors import BadInput, HorologError
from scheduler.model.events import AnyEvent
from scheduler.model.json_values import shown
from scheduler.model.limits import KEY_CHARS_MAX
from scheduler.rules.facts import Fact


class Wish(Struct, frozen=True, kw_only=True):
    """A command, with who asks and why."""

    command: AnyCommand
    contents: Contents = {}  # what the command's input names
    key: str | None = None  # the same wish under the same key is answered once
    reason: str | None = None
    on_behalf_of: str | None = None  # a claim, shown as such
    stream: str | None = None  # of the run that the command is about, so that it can be read back
    unchecked: bool = False  # let an unknown service pass
    dry_run: bool = False  # tell what would be stored, store nothing


def checked_key(key: str, path: str, *, chars_max: int = KEY_CHARS_MAX) -> str:
    """Return a request key.

    Raises: BadInput, when it is empty, too long or cannot be printed.
    """
    if len(key) > chars_max:
        raise BadInput.at(path, f"has {len(key):,} characters; at most {chars_max}.")
    if not key or not key.isprintable():
        raise BadInput.at(path, f"{shown(key)} is no key: 1 to {chars_max} characters.")
    return key


class ToldFact(Struct, frozen=True):
    """An event that a wish led to, as scripts read it."""

    type: str
    stream: str
    body: dict[str, object]

    @property
    def event(self) -> AnyEvent:
        """The event itself."""
        tagged = {"type": self.type, **self.body}
        return msgspec.convert(tagged, AnyEvent, strict=True)  # type: ignore[no-any-return]  # a union


class Told(Struct, frozen=True, kw_only=True):
    """What became of a wish; without facts it changed nothing, without positions it was dry."""

    first: int | None = None
    last: int | None = None
    facts: tuple[ToldFact, ...] = ()
    repeated: bool = False  # the key was seen before: this is how it was answered then


class Wishes(Protocol):
    """Someone who can answer for a log."""

    def ask(
        self,
        command: AnyCommand,
        *,
        reason: str | None = None,
        on_behalf_of: str | None = None,
        key: str | None = None,
        contents: Contents | None = None,
        stream: str | None = None,
        unchecked: bool = False,
        dry_run: bool = False,
    ) -> Told:
        """Have a command carried out; returns when it is durable and the views show it.

        Raises: Refused, Outpaced, Corrupt.
        """
        ...

    def ask_all(self, wishes: Sequence[Wish]) -> list[Told | HorologError]:
        """Have many carried out, each for itself, in this order; answers are in the same order."""
        ...


def told(answer: Answer) -> Told:
    """Return an answer of the decider as it is told."""
    return Told(
        first=answer.first,
        last=answer.last,
        facts=told_facts(answer.facts),
        repeated=answer.repeated,
    )


def told_facts(facts: Sequence[Fact]) -> tuple[ToldFact, ...]:
    """Return facts as they are told, also those of a dry run."""
    return tuple(_told_fact(fact) for fact in facts)


def _told_fact(fact: Fact) -> ToldFact:
    body: dict[str, object] = msgspec.to_builtins(fact.event)
    kind = body.pop("type")
    return ToldFact(str(kind), fact.stream, body)
