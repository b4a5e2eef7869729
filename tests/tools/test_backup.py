"""The copy of a log and its way back, with real files and a writer that goes on writing."""

import shutil
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from scheduler.executor.clock import ManualClock
from scheduler.executor.derived import views_path
from scheduler.executor.owner import acquire
from scheduler.log.sqlite import SqliteLog
from scheduler.model.errors import Conflict, Corrupt, HorologError, Unreachable
from tests.tools.making import CLOCK, defining
from tools.app import open_wishes
from tools.backup import back_up, preview, put_aside, restore, verified
from tools.settings import Settings

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def define(settings: Settings, name: str) -> None:
    with open_wishes(settings, clock=CLOCK) as wishes:
        wishes.ask(defining(name))


def head(log: Path) -> tuple[int, str]:
    with closing(SqliteLog.open(log, unowned=True)) as opened:
        found = opened.head()
    return found.position, found.hash.hex()


def names(log: Path) -> set[str]:
    """Return the names of the files beside a log, but for those that readers make and share."""
    found = {path.name for path in log.parent.iterdir()}
    return {name for name in found if not name.endswith(("-wal", "-shm"))}


def test_a_copy_is_the_log_up_to_its_head(settings: Settings, tmp_path: Path) -> None:
    define(settings, "report")
    file = tmp_path / "copy.db"
    copied = back_up(settings.db, file)
    assert head(settings.db) == (copied.position, copied.hash) == head(file)
    assert (file, file.stat().st_size) == (copied.file, copied.size)
    assert 0o600 == file.stat().st_mode & 0o777
    assert {"copy.db"} == {name for name in names(file) if name.startswith("copy")}


def test_a_file_that_is_there_is_never_replaced(settings: Settings, tmp_path: Path) -> None:
    file = tmp_path / "copy.db"
    file.write_text("mine")
    copies: list[Callable[[Path, Path], object]] = [back_up, preview]
    for copy in copies:
        with pytest.raises(Conflict, match="never replaces"):
            copy(settings.db, file)
    assert "mine" == file.read_text()


def test_a_preview_writes_nothing(settings: Settings, tmp_path: Path) -> None:
    before = names(settings.db)
    told = preview(settings.db, tmp_path / "copy.db")
    assert head(settings.db) == (told.position, told.hash)
    assert before == names(settings.db)


def test_a_folder_that_is_not_there_is_told(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(Unreachable, match="cannot be written"):
        back_up(settings.db, tmp_path / "none" / "copy.db")


def test_a_log_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(Unreachable, match="No log"):
        back_up(tmp_path / "none.db", tmp_path / "copy.db")
    assert not (tmp_path / "copy.db").exists()


def test_a_copy_verifies_while_a_writer_appends(settings: Settings, tmp_path: Path) -> None:
    enough = threading.Event()
    begun = threading.Event()
    written: list[str] = []

    def write() -> None:
        with open_wishes(settings, clock=CLOCK) as wishes:
            while not enough.is_set() and len(written) < 2_000:
                wishes.ask(defining(f"job-{len(written)}"))
                written.append("one")
                begun.set()

    with ThreadPoolExecutor(1) as threads:
        writer = threads.submit(write)  # what goes wrong in it is told here, by `result`
        try:
            while not (begun.wait(0.1) or writer.done()):
                pass
            copies = [back_up(settings.db, tmp_path / f"copy-{number}.db") for number in range(3)]
        finally:
            enough.set()
        writer.result()
    positions = [copied.position for copied in copies]
    assert sorted(positions) == positions
    assert head(settings.db)[0] >= positions[-1] > 1
    for copied in copies:
        assert (copied.position, copied.hash) == verified(copied.file)


def test_a_damaged_copy_is_not_put_back(settings: Settings, tmp_path: Path) -> None:
    define(settings, "report")
    file = tmp_path / "copy.db"
    back_up(settings.db, file)
    raw = bytearray(file.read_bytes())
    raw[raw.rindex(b"say.hello")] ^= 1
    file.write_bytes(raw)
    before = head(settings.db)
    with pytest.raises(Corrupt):
        restore(settings, file, ManualClock(NOON), replace=True)
    assert before == head(settings.db)
    assert not any("unfinished" in name or "2026" in name for name in names(settings.db))


def test_what_is_no_copy_is_not_put_back(settings: Settings, tmp_path: Path) -> None:
    file = tmp_path / "copy.db"
    file.write_text("no database at all\n" * 400)
    before = head(settings.db)
    with pytest.raises(HorologError):
        restore(settings, file, ManualClock(NOON), replace=True)
    with pytest.raises(Unreachable, match="there is no file"):
        restore(settings, tmp_path / "none.db", ManualClock(NOON), replace=True)
    assert before == head(settings.db)


def test_a_log_that_is_there_is_kept_unless_it_may_be_replaced(
    settings: Settings, tmp_path: Path
) -> None:
    file = tmp_path / "copy.db"
    back_up(settings.db, file)
    define(settings, "later")
    before = head(settings.db)
    with pytest.raises(Conflict, match="--replace"):
        restore(settings, file, ManualClock(NOON), replace=False)
    assert before == head(settings.db)
    copied = restore(settings, file, ManualClock(NOON), replace=True)
    assert before == head(tmp_path / "horolog.db.20260302T120000Z")
    assert head(file) == (copied.position, copied.hash)
    assert head(settings.db)[0] > copied.position  # it says that it was put back


def test_a_log_that_was_lost_is_put_back_without_old_views(
    settings: Settings, tmp_path: Path
) -> None:
    define(settings, "report")
    file = tmp_path / "copy.db"
    copied = back_up(settings.db, file)
    settings.db.unlink()
    views = views_path(settings.db)
    views.with_name(f"{views.name}-wal").write_text("of another time")
    restore(settings, file, ManualClock(NOON), replace=False)
    assert head(settings.db)[0] > copied.position
    assert not any("unfinished" in name for name in names(settings.db))


def test_a_log_in_use_is_not_replaced(settings: Settings, tmp_path: Path) -> None:
    file = tmp_path / "copy.db"
    back_up(settings.db, file)
    before = head(settings.db)
    with acquire(settings.db, since=NOON, host="here"), pytest.raises(Conflict):
        restore(settings, file, ManualClock(NOON), replace=True)
    assert before == head(settings.db)
    with acquire(settings.db, since=NOON, host="here"):
        pass  # a refusal keeps no lock


def test_after_a_refused_restore_the_log_is_free(settings: Settings, tmp_path: Path) -> None:
    file = tmp_path / "copy.db"
    back_up(settings.db, file)
    (tmp_path / "horolog.db.20260302T120000Z").write_text("kept before")
    with pytest.raises(Conflict, match="try again in a second"):
        restore(settings, file, ManualClock(NOON), replace=True)
    define(settings, "later")


def test_a_link_to_the_log_stays_a_link(settings: Settings, tmp_path: Path) -> None:
    file = tmp_path / "copy.db"
    back_up(settings.db, file)
    there = tmp_path / "disk"
    there.mkdir()
    shutil.move(settings.db, there / "real.db")
    settings.db.symlink_to(there / "real.db")
    restore(settings, file, ManualClock(NOON), replace=True)
    assert settings.db.is_symlink()
    assert (there / "real.db.20260302T120000Z").exists()


def test_what_is_put_aside_has_all_that_was_committed(settings: Settings, tmp_path: Path) -> None:
    define(settings, "report")
    before = head(settings.db)
    put_aside(settings.db, "aside")
    assert before == head(tmp_path / "horolog.db.aside")
