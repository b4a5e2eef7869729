"""What a disk may hold after its power was cut, told from a tape of what was done to it.

The rules are those of a disk that keeps its word and nothing more:

- What was written to a file before a sync of that file is there.
- Of what was written since, each sector of 512 bytes may be there or not, in any order: a write may
  be torn, a later one may survive an earlier one. What was not written is not touched.
- A change of size since the last sync may have been kept or not; a file may have grown and not have
  got its bytes, which are zeros then.
- A name that came, went or was changed since the last sync of the folder may be as it was; of such
  changes a beginning survives, for file systems keep them in order.
- A sync that failed made nothing durable, and what it was to keep may be lost for good, although
  the process still reads it and although a later sync succeeds.
"""

import struct
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from tests.crash.chance import Chance

SECTOR_BYTES = 512
HEAD = struct.Struct("<c3xIQQQ")  # `struct head` of shim.c

Files = Mapping[str, bytes]  # by name


class Record(NamedTuple):
    """One change, as the shim noted it."""

    kind: str  # C created · E opened · W written · T cut · S synced · F sync failed · U unlinked
    # R renamed · D folder synced
    name: str
    inode: int
    offset: int
    data: bytes


def tape_of(path: Path) -> list[Record]:
    """Return what is on a tape, up to its last whole record."""
    return records_in(path.read_bytes())


def records_in(raw: bytes) -> list[Record]:
    """Return the records of a tape, or of its beginning."""
    return list(_records(raw))


def _records(raw: bytes) -> Iterator[Record]:
    at = 0
    while at + HEAD.size <= len(raw):
        kind, name_length, inode, offset, length = HEAD.unpack_from(raw, at)
        name_at = at + HEAD.size
        data_at = name_at + name_length
        at = data_at + length
        if at > len(raw):  # the process was killed while it noted this
            return
        name = Path(raw[name_at:data_at].decode()).name
        yield Record(kind.decode(), name, inode, offset, raw[data_at:at])


def is_call(record: Record) -> bool:
    """Return whether the shim counts this: all but opening what is there."""
    return record.kind != "E"


def written_after_a_failed_sync(log_path: Path, tape: Sequence[Record]) -> list[Record]:
    """Return what was done to a log after a sync of it had failed; nothing may be."""
    names = {log_path.name, f"{log_path.name}-wal"}
    inodes = {one.inode for one in tape if one.name in names and one.kind in {"C", "E"}}
    failed = [at for at, one in enumerate(tape) if one.kind == "F" and one.inode in inodes]
    after = tape[failed[0] + 1 :] if failed else []
    return [one for one in after if is_call(one) and (one.inode in inodes or one.name in names)]


class Write(NamedTuple):
    """Bytes on their way to the disk."""

    offset: int
    data: bytes


class Resize(NamedTuple):
    """A new end of the file."""

    size: int


Change = Write | Resize
Fate = Literal["all", "none", "some", "beginning"]
FATES: tuple[Fate, ...] = ("all", "none", "some", "some", "beginning")


class File:
    """What is certainly on the disk, and what may be."""

    def __init__(self, content: bytes = b"") -> None:
        self._kept = bytearray(content)
        self._pending: list[Change] = []

    def change(self, change: Change) -> None:
        self._pending.append(change)

    def sync(self) -> None:
        for change in self._pending:
            _apply(self._kept, change)
        self._pending.clear()

    def fail_sync(self, chance: Chance) -> None:
        """Keep some of what was to be kept, and forget the rest for good."""
        for change in _survivors(self._pending, chance):
            _apply(self._kept, change)
        self._pending.clear()

    def after_cut(self, chance: Chance) -> bytes:
        """Return what is found when the power is back."""
        found = bytearray(self._kept)
        for change in _survivors(self._pending, chance):
            _apply(found, change)
        return bytes(found)


def _apply(content: bytearray, change: Change) -> None:
    match change:
        case Write(offset, data):
            if len(content) < offset:
                content.extend(bytes(offset - len(content)))
            content[offset : offset + len(data)] = data
        case Resize(size):
            del content[size:]
            content.extend(bytes(size - len(content)))


def _survivors(pending: Sequence[Change], chance: Chance) -> Iterator[Change]:
    """Yield what reaches the disk of changes that nobody waited for."""
    fate = chance.one_of(FATES)
    if fate == "none" or not pending:
        return
    whole = len(pending) if fate == "all" else int(chance.part() * len(pending))
    for place, change in enumerate(pending):
        if fate == "all" or (fate == "beginning" and place < whole):
            yield change
        elif fate == "some" or place == whole:  # the last one of a beginning is torn
            yield from _torn(change, chance)


def _torn(change: Change, chance: Chance) -> Iterator[Change]:
    """Yield the sectors of a change that survive; the size may survive without them."""
    match change:
        case Write(offset, data):
            if chance.one_of((True, False)):
                yield Write(offset + len(data), b"")
            for begin in _sectors(offset, len(data)):
                if chance.one_of((True, False)):
                    end = (begin // SECTOR_BYTES + 1) * SECTOR_BYTES
                    yield Write(begin, data[begin - offset : end - offset])
        case Resize():
            if chance.one_of((True, False)):
                yield change


def _sectors(offset: int, length: int) -> Iterator[int]:
    """Yield where each sector of a stretch begins, within it."""
    yield from [offset] if length else []
    yield from range((offset // SECTOR_BYTES + 1) * SECTOR_BYTES, offset + length, SECTOR_BYTES)


class Naming(NamedTuple):
    """A change of the folder."""

    name: str
    file: File | None  # what the name stands for from here on; None: nothing


class Disk:
    """A folder on a disk, from what it held at first and the tape of what came after."""

    def __init__(self, files: Files, seed: str) -> None:
        self._chance = Chance(seed)
        self._kept = {name: File(content) for name, content in files.items()}
        self._names = self._kept.copy()  # as the process sees them
        self._pending: list[list[Naming]] = []
        self._files: dict[int, File] = {}  # by inode

    def play(self, tape: Sequence[Record]) -> "Disk":
        """Do what the process did, in its order."""
        for record in tape:
            self._play(record)
        return self

    def _play(self, record: Record) -> None:
        match record.kind:
            case "C":
                file = self._files[record.inode] = File()
                self._rename([Naming(record.name, file)])
            case "E":
                self._files[record.inode] = self._names[record.name]
            case "W":
                self._files[record.inode].change(Write(record.offset, record.data))
            case "T":
                self._files[record.inode].change(Resize(record.offset))
            case "S":
                self._files[record.inode].sync()
            case "F" if record.inode in self._files:  # of a folder: nothing was kept
                self._files[record.inode].fail_sync(self._chance)
            case "U":
                self._rename([Naming(record.name, None)])
            case "R":
                to = Path(record.data.decode()).name
                self._rename([Naming(to, self._names[record.name]), Naming(record.name, None)])
            case "D":
                self._sync_names(len(self._pending))
            case _:
                assert record.kind == "F", record.kind

    def _rename(self, namings: list[Naming]) -> None:
        self._pending.append(namings)
        _name(self._names, namings)

    def _sync_names(self, count: int) -> None:
        for namings in self._pending[:count]:
            _name(self._kept, namings)
        del self._pending[:count]

    def after_cut(self) -> Files:
        """Return the files that are found when the power is back."""
        names = self._kept.copy()
        most = len(self._pending)
        survives = most if self._chance.one_of((True, False)) else int(self._chance.part() * most)
        for namings in self._pending[:survives]:
            _name(names, namings)
        return {name: file.after_cut(self._chance) for name, file in sorted(names.items())}


def _name(names: dict[str, File], namings: Sequence[Naming]) -> None:
    for name, file in namings:
        if file is None:
            names.pop(name, None)
        else:
            names[name] = file


def files_at(log_path: Path) -> Files:
    """Return what a log's folder holds, as far as a cut may change it."""
    return {
        path.name: path.read_bytes()
        for path in log_path.parent.glob(f"{log_path.name}*")
        if path.is_file() and not path.name.endswith("-shm")
    }


def put_back(log_path: Path, files: Files) -> None:
    """Have a log's folder hold these files and no others of the log."""
    for path in log_path.parent.glob(f"{log_path.name}*"):
        if not path.is_dir():
            path.unlink()
    for name, content in files.items():
        path = log_path.with_name(name)
        path.touch(mode=0o600)
        path.write_bytes(content)
