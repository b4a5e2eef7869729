"""The disk of the power cuts: what was synced is there, what was not is there, gone or torn."""

from pathlib import Path

import pytest

from tests.power.disk import SECTOR_BYTES, Disk, Record, written_after_a_failed_sync

SEEDS = [f"seed-{number}" for number in range(200)]
OLD, NEW = b"o" * 4 * SECTOR_BYTES, b"n" * 4 * SECTOR_BYTES
FILE = {"a": OLD}
OPENED = Record("E", "a", 1, 0, b"")
WRITTEN = Record("W", "", 1, 0, NEW)
SYNCED = Record("S", "", 1, 0, b"")
FAILED = Record("F", "", 1, 0, b"")
CUT = Record("T", "", 1, SECTOR_BYTES, b"")
GROWN = Record("W", "", 1, len(OLD), b"more")
CREATED = Record("C", "b", 2, 0, b"")
FILLED = Record("W", "", 2, 0, b"new")
FILLED_SYNCED = Record("S", "", 2, 0, b"")
REMOVED = Record("U", "a", 0, 0, b"")
NAMES_SYNCED = Record("D", "", 9, 0, b"")


def found(*tape: Record) -> list[dict[str, bytes]]:
    """Return what is found after a cut at the end of a tape, by all seeds."""
    return [dict(Disk(FILE, seed).play(tape).after_cut()) for seed in SEEDS]


def contents(*tape: Record) -> set[bytes]:
    return {files["a"] for files in found(*tape)}


def test_what_was_synced_is_there() -> None:
    assert {NEW} == contents(OPENED, WRITTEN, SYNCED)


def test_what_was_not_synced_may_be_there_or_gone_or_torn_at_sectors() -> None:
    states = contents(OPENED, WRITTEN)
    assert {OLD, NEW} < states
    for state in states:
        sectors = [state[at : at + SECTOR_BYTES] for at in range(0, len(state), SECTOR_BYTES)]
        assert set(sectors) <= {OLD[:SECTOR_BYTES], NEW[:SECTOR_BYTES]}


def test_a_later_write_may_survive_an_earlier_one() -> None:
    first, second = Record("W", "", 1, 0, b"1"), Record("W", "", 1, SECTOR_BYTES, b"2")
    found = contents(OPENED, first, second)
    states = {(state[:1], state[SECTOR_BYTES : SECTOR_BYTES + 1]) for state in found}
    assert {(b"o", b"o"), (b"1", b"o"), (b"o", b"2"), (b"1", b"2")} == states


def test_a_new_size_may_survive_without_the_bytes() -> None:
    assert {OLD, OLD + b"more", OLD + bytes(4)} == contents(OPENED, GROWN)
    assert {OLD, OLD[:SECTOR_BYTES]} == contents(OPENED, CUT)


def test_a_failed_sync_may_lose_what_a_later_one_does_not_bring_back() -> None:
    assert {OLD, NEW} < contents(OPENED, WRITTEN, FAILED, SYNCED)


def test_a_name_is_there_for_certain_only_when_its_folder_was_synced() -> None:
    made = (CREATED, FILLED, FILLED_SYNCED)
    assert {None, b"new"} == {files.get("b") for files in found(*made)}
    assert {b"new"} == {files.get("b") for files in found(*made, NAMES_SYNCED)}


def test_a_file_that_was_removed_may_come_back() -> None:
    assert {None, OLD} == {files.get("a") for files in found(REMOVED)}
    assert {None} == {files.get("a") for files in found(REMOVED, NAMES_SYNCED)}


@pytest.mark.parametrize(
    ("tape", "after"),
    [
        ((OPENED, WRITTEN, SYNCED, WRITTEN), 0),
        ((OPENED, WRITTEN, FAILED), 0),
        ((OPENED, WRITTEN, FAILED, WRITTEN, SYNCED), 2),
        ((OPENED, FAILED, OPENED, REMOVED), 1),
    ],
)
def test_what_is_done_after_a_failed_sync_is_seen(tape: tuple[Record, ...], after: int) -> None:
    assert after == len(written_after_a_failed_sync(Path("a"), tape))
