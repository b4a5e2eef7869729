"""Choices that look random and follow from a seed, so that a run can be told by its seed."""

import hashlib
from collections.abc import Sequence
from typing import TypeVar

Choice = TypeVar("Choice")


class Chance:
    """A sequence of choices."""

    def __init__(self, seed: str) -> None:
        self._seed = seed
        self._made = 0

    def part(self) -> float:
        """Return the next number from 0 up to 1."""
        self._made += 1
        digest = hashlib.sha256(f"{self._seed}/{self._made}".encode()).digest()
        return int.from_bytes(digest[:6], "big") / 2**48

    def between(self, least: float, most: float) -> float:
        return least + (most - least) * self.part()

    def one_of(self, choices: Sequence[Choice]) -> Choice:
        return choices[int(self.part() * len(choices))]
