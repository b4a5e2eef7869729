"""Damage to the file itself: whatever becomes of its bytes, it is found, or nothing was changed.

Found means that opening or verifying says so in our own words. A byte that nothing rests on (free
space, the fill of a page, an index that is not asked) may have any value: then every event and all
content read as they were written.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import pytest

from scheduler.log.contract import Recorded
from scheduler.log.sqlite import SqliteLog
from scheduler.model.content import digest_of
from scheduler.model.errors import HorologError
from tests.scheduler.log.writing import logged, new_log, one, plainly, request, write

PAGE_BYTES = 4096
CONTENT = b"line 1\nline 2\n"
SAMPLE_STRIDE = 41  # bytes; a prime, so that every part of a row is met somewhere
LARGE_STRIDE = 97
PARTS = 4  # of the bytes, so that several workers share them
LAST = 500  # the position of the last event of the larger log
SHOWN_MAX = 10


class Read(NamedTuple):
    """What a log says to whoever reads all of it."""

    events: list[Recorded]
    content: bytes | None


def five_events(path: Path) -> None:
    """Make a log of five events, one with a key and one that names content."""
    with closing(new_log(path)) as log:
        log.append(request(write("fire/a", 0, 2), key="k1"))
        log.append(logged("fire/b", CONTENT))
        log.append(one("call/c"))


def many_events(path: Path) -> None:
    """Make a log of 500 events in some dozens of pages."""
    with closing(new_log(path)) as log:
        log.append(logged("fire/b", CONTENT))
        appended = [
            log.submit(request(write(f"fire/{number}", 0, 2), key=f"k{number}"))
            for number in range(249)
        ]
        assert LAST == appended[-1].result().last


def read(path: Path) -> Read | None:
    """Return what the log at `path` says; None when it is found to be damaged."""
    try:
        with closing(SqliteLog.open(path, unowned=True)) as log:
            if log.verify().fault is not None:
                return None
            return Read(list(log.follow(0)), log.content(digest_of(CONTENT)))
    except HorologError:
        return None
    finally:
        for suffix in ("-wal", "-shm"):
            Path(f"{path}{suffix}").unlink(missing_ok=True)


class Damage:
    """A log whose file is damaged in one way after the other, and what came of it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.raw = path.read_bytes()
        self.found = 0
        self.harmless = 0
        self.wrong: list[str] = []
        self._whole = read(path)
        assert self._whole is not None

    def judge(self, what: str) -> None:
        """Read the file as it is now; what is neither found nor harmless is noted."""
        try:
            said = read(self.path)
        except Exception as error:  # noqa: BLE001  # whatever a damaged file brings about is the finding
            self.wrong.append(f"{what}: {error!r}")
            return
        if said is None:
            self.found += 1
        elif said == self._whole:
            self.harmless += 1
        else:
            self.wrong.append(f"{what}: verifies, and says something else")

    def flip(self, offsets: range) -> None:
        """Flip one bit of each of these bytes, one after the other."""
        with self.path.open("r+b", buffering=0) as file:
            for offset in offsets:
                byte = self.raw[offset]
                file.seek(offset)
                file.write(bytes([byte ^ (1 << (offset * 5 // 3) % 8)]))
                self.judge(f"byte {offset:,}")
                file.seek(offset)
                file.write(bytes([byte]))

    def replace(self, what: str, raw: bytes) -> None:
        """Have other bytes be the file."""
        self.path.write_bytes(raw)
        self.judge(what)

    def check(self) -> None:
        """Fail with all that was neither found nor harmless."""
        shown = "\n  ".join(self.wrong[:SHOWN_MAX])
        assert not self.wrong, f"{len(self.wrong)} damages get through:\n  {shown}"
        assert self.found > 0
        print(f"{self.found} found, {self.harmless} harmless")


@pytest.fixture
def small(log_path: Path) -> Damage:
    five_events(log_path)
    return Damage(log_path)


@pytest.fixture
def large(log_path: Path) -> Damage:
    many_events(log_path)
    return Damage(log_path)


# -- bytes


def test_a_flipped_bit_is_found_or_harmless(small: Damage) -> None:
    """A sample; the next one leaves no byte out."""
    small.flip(range(3, len(small.raw), SAMPLE_STRIDE))
    small.check()


@pytest.mark.power
@pytest.mark.parametrize("part", range(PARTS))
def test_a_flipped_bit_of_any_byte_is_found_or_harmless(small: Damage, part: int) -> None:
    offsets = range(part, len(small.raw), PARTS)
    small.flip(offsets)
    small.check()
    assert len(offsets) == small.found + small.harmless


@pytest.mark.power
def test_a_flipped_bit_in_a_larger_log_is_found_or_harmless(large: Damage) -> None:
    large.flip(range(0, len(large.raw), LARGE_STRIDE))
    large.check()


# -- stretches


def test_a_file_that_was_cut_is_found_or_harmless(small: Damage) -> None:
    for size in range(0, len(small.raw), 509):
        small.replace(f"cut at {size:,}", small.raw[:size])
    small.check()


def test_pages_that_were_swapped_are_found_or_harmless(small: Damage) -> None:
    pages = pages_of(small.raw)
    for first in range(len(pages)):
        for second in range(first):
            other = pages.copy()
            other[first], other[second] = pages[second], pages[first]
            small.replace(f"pages {second} and {first} swapped", b"".join(other))
    small.check()


def test_a_page_that_is_gone_or_there_twice_is_found_or_harmless(small: Damage) -> None:
    pages = pages_of(small.raw)
    for place, page in enumerate(pages):
        before, behind = b"".join(pages[:place]), b"".join(pages[place + 1 :])
        small.replace(f"page {place} removed", before + behind)
        small.replace(f"page {place} inserted again", before + page + page + behind)
        small.replace(f"page {place} emptied", before + bytes(PAGE_BYTES) + behind)
    small.check()


def test_bytes_that_were_put_between_others_are_found_or_harmless(small: Damage) -> None:
    for offset in range(0, len(small.raw), 1_021):
        small.replace(f"a byte at {offset:,}", small.raw[:offset] + b"x" + small.raw[offset:])
        small.replace(f"no byte at {offset:,}", small.raw[:offset] + small.raw[offset + 1 :])
    small.check()


def pages_of(raw: bytes) -> list[bytes]:
    return [raw[offset : offset + PAGE_BYTES] for offset in range(0, len(raw), PAGE_BYTES)]


def test_events_that_fell_off_the_end_of_a_page_are_found(small: Damage) -> None:
    """The chain alone cannot tell: what is left is a whole log. The index of streams can."""
    with closing(sqlite3.connect(small.path)) as db:
        root = db.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'log'").fetchone()[0]
    cells_at = (root - 1) * PAGE_BYTES + 4  # of the page's head: the low byte of their number
    assert 5 == small.raw[cells_at]
    for cells in range(5):
        raw = bytearray(small.raw)
        raw[cells_at] = cells
        small.replace(f"{cells} events are left", bytes(raw))
    small.check()
    assert (5, 0) == (small.found, small.harmless)


# -- rows, by somebody who knows SQLite

MIDDLE = LAST // 2
GUARDS = ("log_only_appends", "log_never_changes", "log_never_shrinks")


def unguarded(path: Path, *statements: str) -> None:
    """Change rows behind the guards' back, and put the guards up again."""
    with closing(sqlite3.connect(path)) as db:
        guards = [
            db.execute("SELECT sql FROM sqlite_schema WHERE name = ?", (guard,)).fetchone()[0]
            for guard in GUARDS
        ]
    drops = [f"DROP TRIGGER {guard}" for guard in GUARDS]
    plainly(path, "BEGIN", *drops, *statements, *guards, "COMMIT")


def removed(position: int) -> list[str]:
    return [f"DELETE FROM log WHERE position = {position}"]


def removed_and_closed_up(position: int) -> list[str]:
    return [*removed(position), *moved(range(position + 1, LAST + 1), -1)]


def inserted(position: int) -> list[str]:
    """Make room and put in a copy of the event, in a stream of its own."""
    copy = (
        "INSERT INTO log SELECT position - 1, 'fire/copy', 1, type, revision, recorded_at, body,"
        f" meta, NULL, hash FROM log WHERE position = {position + 1}"
    )
    return [*moved(reversed(range(position, LAST + 1)), 1), copy]


def swapped(position: int) -> list[str]:
    """Exchange the event and the next one."""
    pair = f"UPDATE log SET position = %s WHERE position = {position}"
    return [
        pair % "-1",
        f"UPDATE log SET position = {position} WHERE position = {position + 1}",
        f"UPDATE log SET position = {position + 1} WHERE position = -1",
    ]


def moved(positions: Iterator[int] | range, by: int) -> list[str]:
    return [
        f"UPDATE log SET position = {position + by} WHERE position = {position}"
        for position in positions
    ]


TAMPERINGS: list[Callable[[int], list[str]]] = [removed, removed_and_closed_up, inserted, swapped]


@pytest.mark.parametrize("position", [1, 2, MIDDLE, LAST - 1])
@pytest.mark.parametrize("tampering", TAMPERINGS)
def test_events_that_were_removed_added_or_swapped_are_found(
    log_path: Path, tampering: Callable[[int], list[str]], position: int
) -> None:
    many_events(log_path)
    unguarded(log_path, *tampering(position))
    assert read(log_path) is None
