"""How long something took, counted into buckets: a figure of the running process, and of it alone.

One thread adds, any may read. What outlives a restart is not counted here but folded from the log.
"""

from bisect import bisect_left
from typing import Final

# A sync of a good disk takes a millisecond or less, one of a bad disk tens; above 1 s it is ill.
APPEND_BOUNDS_S: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)


class Timings:
    """Lengths by bucket, each bounded above and inclusive; the last has no bound."""

    def __init__(self, bounds_s: tuple[float, ...]) -> None:
        """Begin with nothing counted; `bounds_s` ascend."""
        self._bounds_ns = tuple(round(bound * 1e9) for bound in bounds_s)
        self._buckets = [0] * (len(bounds_s) + 1)
        self._sum_ns = 0

    def add(self, length_ns: int) -> None:
        """Count one length."""
        self._buckets[bisect_left(self._bounds_ns, length_ns)] += 1
        self._sum_ns += length_ns

    @property
    def buckets(self) -> tuple[int, ...]:
        """How many lengths fell in each bucket."""
        return tuple(self._buckets)

    @property
    def sum_s(self) -> float:
        """All lengths together, in seconds."""
        return self._sum_ns / 1e9
