"""The secrets that were read, remembered so that none of them is ever kept or shown.

Whatever leaves the services (results, errors, tracebacks, lines of output) passes `redact` on its
way. It finds a secret as it is and in the forms that libraries and messages give it: quoted for a
URL, in base64, with escapes. A value stays remembered when the secret is rotated, since the old one
may still stand in a traceback.

Children import this file: it must stay quick to import.
"""

import json
import os
import re
import threading
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from scheduler.model.errors import BadInput, Problem
from scheduler.model.limits import SECRET_CHARS_MIN, SECRETS_KEPT_MAX
from services.connections.references import Reference

_UNFIT = re.compile(r"[\"'\\\x00-\x1f\x7f-\x9f‹›]")  # in a name that stands inside of other text


class Secrets:
    """Reads secrets, and replaces each one that was read wherever it stands in a text."""

    def __init__(self, base_dir: Path = Path(), environ: Mapping[str, str] = os.environ) -> None:
        self._base_dir = base_dir
        self._environ = environ
        self._values: dict[str, tuple[str, ...]] = {}  # value -> its forms; the oldest first
        self._names: dict[str, str] = {}  # form -> name; replaced whole, never changed
        self._lock = threading.Lock()

    def read(self, reference: Reference) -> str:
        """Return the secret as it is now.

        Raises: BadInput at the setting that names it.
        """
        value = reference.read(self._base_dir, self._environ)
        self.remember(reference.name, value)
        return value

    def read_all(self, references: Iterable[Reference]) -> list[Problem]:
        """Read and remember them all; return what is wrong with those that cannot be read."""
        problems: list[Problem] = []
        for reference in references:
            try:
                self.read(reference)
            except BadInput as bad:
                problems += bad.problems
        return problems

    def remember(self, name: str, value: str) -> None:
        """Have this text replaced from now on, in all its forms."""
        if value in self._values:
            return
        with self._lock:
            values = {**self._values, value: tuple(_forms(value))}
            while len(values) > SECRETS_KEPT_MAX:
                values.pop(next(iter(values)))
            # A form stays with the name it had first.
            names = {form: self._names.get(form, name) for kept in values.values() for form in kept}
            self._names, self._values = names, values

    def redact(self, text: str) -> str:
        """Return the text with every secret replaced by `‹secret:NAME›`."""
        names = self._names
        found = [form for form in names if form in text]
        if not found:
            return text
        longest_first = "|".join(map(re.escape, sorted(found, key=len, reverse=True)))
        return re.sub(longest_first, lambda one: _mark(names[one[0]]), text)

    def redact_json(self, text: str) -> str:
        """Return a JSON text with every secret replaced, in numbers and keys too; it stays JSON."""
        if self.redact(text) == text:
            return text
        redacted = self._redacted(json.loads(text))
        return json.dumps(redacted, ensure_ascii=False, separators=(",", ":"))

    def without_cut_ones(self, head: str, tail: str) -> tuple[str, str]:
        """Return two ends of a text without the piece of a secret that stands where it was cut."""
        forms = self._names
        end = max((_overlap(head, form) for form in forms), default=0)
        start = max((_overlap(form, tail) for form in forms), default=0)
        return head[: len(head) - end], tail[start:]

    def _redacted(self, value: object) -> object:
        """Return what a JSON text says, redacted; json.loads has bounded its depth."""
        match value:
            case str():
                return self.redact(value)
            case dict():
                return {self.redact(key): self._redacted(part) for key, part in value.items()}
            case list():
                return [self._redacted(part) for part in value]
            case int() | float() if not isinstance(value, bool):
                shown = json.dumps(value)
                redacted = self.redact(shown)
                return value if redacted == shown else redacted
            case _:
                return value


def _mark(name: str) -> str:
    return f"‹secret:{_UNFIT.sub('_', name)}›"


def _forms(value: str) -> Iterator[str]:
    """Yield the ways in which a secret may stand in a text."""
    from base64 import b64encode, urlsafe_b64encode
    from urllib.parse import quote, quote_plus

    encoded = value.encode("utf-8", "surrogatepass")
    found = {
        value,
        value.strip(),
        quote(encoded),
        quote(encoded, safe=""),
        quote_plus(encoded),
        b64encode(encoded).decode().rstrip("="),
        urlsafe_b64encode(encoded).decode().rstrip("="),
        json.dumps(value)[1:-1],
        json.dumps(value, ensure_ascii=False)[1:-1],
        repr(value)[1:-1],
        repr(encoded)[2:-1],
        *(line.strip() for line in value.splitlines()),
    }
    yield from (form for form in found if len(form) >= SECRET_CHARS_MIN)


def _overlap(left: str, right: str) -> int:
    """Return how many characters the end of `left` shares with the beginning of `right`."""
    longest = min(len(left), len(right))
    return next((n for n in range(longest, 0, -1) if left.endswith(right[:n])), 0)
