"""One process owns a log; what it holds is neither disturbed by a look nor inherited by a child."""

import errno
import fcntl
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from scheduler.executor.owner import Owner, OwnerRecord, acquire, socket_path, who_owns
from scheduler.model.errors import Conflict, NotAuthorised, StorageFailed, Unreachable
from scheduler.model.limits import LOCK_TRIES_MAX, OWNER_BYTES_MAX, SOCKET_PATH_BYTES_MAX

SINCE_AT = datetime(2026, 3, 1, 22, 4, tzinfo=UTC)
ROOT = Path(__file__).parents[3]
TMP = Path("/tmp")  # noqa: S108  # where folders for sockets lie


def own(path: Path) -> Owner:
    return acquire(path, since=SINCE_AT, host="web-1")


@contextmanager
def other_process(path: Path) -> Iterator[subprocess.Popen[str]]:
    """Run a process that owns the log until its input ends; entered when it does."""
    script = f"""
import sys
from datetime import UTC, datetime
from pathlib import Path
from scheduler.executor.owner import acquire
owner = acquire(Path({str(path)!r}), since=datetime(2026, 3, 1, 22, 4, tzinfo=UTC), host="web-1")
print("mine", flush=True)
sys.stdin.read()
"""
    with subprocess.Popen(
        [sys.executable, "-c", script],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert "mine\n" == process.stdout.readline()
        yield process


def owner_seen_from_outside(path: Path) -> str:
    """Return what another process finds: the owner's pid, or "None"."""
    script = f"""
from pathlib import Path
from scheduler.executor.owner import who_owns
owner = who_owns(Path({str(path)!r}))
print(owner and owner.pid)
"""
    return subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.strip()


# -- in one process


def test_the_owner_is_named_in_the_lock_file(log_path: Path) -> None:
    with own(log_path) as owner:
        expected = OwnerRecord(os.getpid(), "web-1", SINCE_AT, f"{log_path}.sock")
        assert expected == owner.record == who_owns(log_path)
        assert Path(f"{log_path}.sock") == owner.socket_path


def test_a_log_without_an_owner_is_free(log_path: Path) -> None:
    assert who_owns(log_path) is None
    own(log_path).release()
    assert who_owns(log_path) is None


def test_one_process_cannot_own_a_log_twice(log_path: Path) -> None:
    with own(log_path), pytest.raises(Conflict, match=f"owned by pid {os.getpid()}"):
        own(log_path)


def test_a_released_log_can_be_owned_again(log_path: Path) -> None:
    first = own(log_path)
    first.release()
    with own(log_path):
        first.release()  # the second time does nothing, also to who came after
        assert str(os.getpid()) == owner_seen_from_outside(log_path)


def test_two_logs_have_two_owners(log_path: Path) -> None:
    with own(log_path), own(log_path.with_name("other.db")) as other:
        assert other.record == who_owns(log_path.with_name("other.db"))


def test_the_lock_is_for_its_user_alone(log_path: Path) -> None:
    with own(log_path):
        assert 0o600 == Path(f"{log_path}.lock").stat().st_mode & 0o777


# -- between processes


def test_a_log_that_another_process_owns_is_refused_and_its_owner_named(log_path: Path) -> None:
    with other_process(log_path) as other:
        with pytest.raises(Conflict) as raised:
            own(log_path)
        assert 5 == raised.value.exit_code
        assert str(raised.value).startswith(
            f"horolog.db is owned by pid {other.pid} on web-1 (serving since 2026-03-01 22:04 UTC)."
        )
        expected = OwnerRecord(other.pid, "web-1", SINCE_AT, f"{log_path}.sock")
        assert expected == who_owns(log_path)


def test_the_lock_goes_with_its_process_however_that_ends(log_path: Path) -> None:
    with other_process(log_path) as other:
        other.kill()
        other.wait()
        assert who_owns(log_path) is None
        with own(log_path) as owner:
            assert owner.record == who_owns(log_path)


def test_looking_does_not_disturb_what_this_process_holds(log_path: Path) -> None:
    with own(log_path):
        who_owns(log_path)
        with pytest.raises(Conflict):
            own(log_path)
        assert str(os.getpid()) == owner_seen_from_outside(log_path)
    assert "None" == owner_seen_from_outside(log_path)


def test_looking_does_not_disturb_another_process(log_path: Path) -> None:
    with other_process(log_path) as other:
        for _ in range(3):
            who_owns(log_path)
        assert str(other.pid) == owner_seen_from_outside(log_path)


def test_the_lock_is_not_inherited_by_children(log_path: Path) -> None:
    owner = own(log_path)
    with subprocess.Popen(
        [sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE
    ) as child:
        owner.release()
        assert "None" == owner_seen_from_outside(log_path)
        child.kill()


def test_a_forked_child_is_not_the_owner(log_path: Path) -> None:
    script = f"""
import os
from datetime import UTC, datetime
from pathlib import Path
from scheduler.executor.owner import acquire, who_owns
path = Path({str(log_path)!r})
owner = acquire(path, since=datetime(2026, 3, 1, tzinfo=UTC), host="web-1")
ours = os.getpid()
if os.fork() == 0:
    print("parent" if who_owns(path).pid == ours else "wrong", flush=True)
    owner.release()
    print("parent" if who_owns(path).pid == ours else "wrong", flush=True)
    os._exit(0)
os.wait()
"""
    seen = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, check=True, capture_output=True, text=True
    )
    assert "parent\nparent\n" == seen.stdout


def test_an_owner_that_has_not_written_its_name_yet_is_known_by_its_pid(log_path: Path) -> None:
    with other_process(log_path) as other:
        os.truncate(f"{log_path}.lock", 0)
        assert OwnerRecord(other.pid) == who_owns(log_path)
        with pytest.raises(Conflict, match=f"is owned by pid {other.pid}. One process"):
            own(log_path)


def test_of_a_lock_file_no_more_is_read_than_an_owner_writes(log_path: Path) -> None:
    lock_path = Path(f"{log_path}.lock")
    with other_process(log_path) as other:
        written = lock_path.read_text()
        lock_path.write_text(written.ljust(OWNER_BYTES_MAX))
        assert "web-1" == getattr(who_owns(log_path), "host", None)
        lock_path.write_text(written.rjust(OWNER_BYTES_MAX + 1))
        assert OwnerRecord(other.pid) == who_owns(log_path)


# -- paths


def test_a_link_and_its_log_have_one_owner(log_path: Path, tmp_path: Path) -> None:
    log_path.touch()
    (tmp_path / "link.db").symlink_to(log_path)
    with own(tmp_path / "link.db") as owner:
        assert Path(f"{log_path}.sock") == owner.socket_path
        with pytest.raises(Conflict):
            own(log_path)


def test_a_second_hard_link_is_refused(log_path: Path, tmp_path: Path) -> None:
    log_path.touch()
    os.link(log_path, tmp_path / "second.db")
    with pytest.raises(Unreachable, match="2 hard links"):
        own(tmp_path / "second.db")


def test_a_lock_file_that_is_removed_while_it_is_locked_is_made_again(
    log_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lockf, lock_path = fcntl.lockf, Path(f"{log_path}.lock")
    removed: list[Path] = []

    def remove_first(descriptor: int, operation: int) -> None:
        if not removed:
            removed.append(lock_path)
            lock_path.unlink()
        lockf(descriptor, operation)

    monkeypatch.setattr(fcntl, "lockf", remove_first)
    with own(log_path):
        assert [lock_path] == removed
        assert str(os.getpid()) == owner_seen_from_outside(log_path)


def test_who_lets_go_between_two_questions_is_asked_again(
    log_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = []

    def always_taken(descriptor: int, _operation: int) -> None:
        tries.append(descriptor)
        raise BlockingIOError

    monkeypatch.setattr(fcntl, "lockf", always_taken)
    with pytest.raises(Conflict, match="changes owners too fast"):
        own(log_path)
    assert LOCK_TRIES_MAX == len(tries)


def test_an_owner_needs_a_folder_it_can_write(
    log_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda _path, _mode: False)
    with pytest.raises(NotAuthorised, match="may not write to"):
        own(log_path)


def test_a_lock_file_that_cannot_be_written_leaves_the_log_free(
    log_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_descriptor: int, _text: bytes, _offset: int) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", full)
        with pytest.raises(StorageFailed, match="No space left on device"):
            own(log_path)
    assert who_owns(log_path) is None
    own(log_path).release()


def test_a_lock_that_is_a_link_is_not_followed(log_path: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    Path(f"{log_path}.lock").symlink_to(tmp_path / "mine")
    with pytest.raises(Conflict, match="is a link"):
        own(log_path)
    assert "mine" == (tmp_path / "mine").read_text()


def test_a_socket_lies_beside_its_log_when_the_path_is_short_enough() -> None:
    room = SOCKET_PATH_BYTES_MAX - len("/.sock")
    assert Path(f"/{'a' * room}.sock") == socket_path(Path("/" + "a" * room))
    assert Path("/") != socket_path(Path("/" + "a" * (room + 1))).parent


def test_the_socket_of_a_long_path_lies_in_the_users_runtime_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = tmp_path / ("d" * SOCKET_PATH_BYTES_MAX)
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/run/user/1000")
    path = socket_path(deep / "horolog.db")
    assert Path("/run/user/1000") == path.parent
    assert path == socket_path(deep / "horolog.db") != socket_path(deep / "other.db")
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    assert TMP / f"horolog-{os.getuid()}" == socket_path(deep / "horolog.db").parent


def test_the_runtime_folder_is_made_private_or_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = tmp_path / ("d" * SOCKET_PATH_BYTES_MAX)
    deep.mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(short := TMP / f"h-{os.getpid()}"))
    try:
        with own(deep / "horolog.db") as owner:
            assert (short, 0o700) == (owner.socket_path.parent, short.stat().st_mode & 0o777)
        short.chmod(0o755)
        with pytest.raises(NotAuthorised, match=f"chmod 700 {short}"):
            own(deep / "horolog.db")
    finally:
        short.rmdir()
