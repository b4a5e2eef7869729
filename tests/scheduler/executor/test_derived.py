"""The file of views: whose it is, who may write it, and that losing it is no error."""

import os
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Event, Thread

import pytest

from scheduler.executor.derived import ViewsFile, views_path
from scheduler.model.errors import Conflict, Unreachable, ViewsRenewed

HOLDER = """
import sys
from pathlib import Path
from scheduler.executor.derived import ViewsFile
views = ViewsFile.open(Path(sys.argv[1]), identity="one")
print("held", flush=True)
sys.stdin.read()
"""


@contextmanager
def opened(log_path: Path, identity: str = "one") -> Iterator[ViewsFile]:
    views = ViewsFile.open(log_path, identity=identity)
    try:
        yield views
    finally:
        views.close()


def put(views: ViewsFile, number: int) -> None:
    with views.transaction() as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept(number INTEGER) STRICT")
        connection.execute("INSERT INTO kept VALUES (?)", (number,))


def kept(views: ViewsFile) -> list[int]:
    """Return what `put` has kept; nothing when all was lost."""
    with views.reading() as connection:
        if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'kept'").fetchone():
            return []
        return [number for (number,) in connection.execute("SELECT number FROM kept")]


def test_what_was_written_is_there_when_it_is_opened_again(log_path: Path) -> None:
    with opened(log_path) as views:
        put(views, 7)
    with opened(log_path) as views:
        assert [7] == kept(views)
        assert 0 == views.renewals


def test_views_of_another_log_are_dropped(log_path: Path) -> None:
    with opened(log_path) as views:
        put(views, 7)
    with opened(log_path, identity="two") as views:
        assert [] == kept(views)
        assert 1 == views.renewals


@pytest.mark.parametrize(
    "content",
    [b"not a database at all, but long enough to be one", b"SQLite format 3\0" + b"\xff" * 5_000],
)
def test_a_file_that_is_no_database_is_made_anew(log_path: Path, content: bytes) -> None:
    views_path(log_path).write_bytes(content)
    with opened(log_path) as views:
        put(views, 7)
        assert [7] == kept(views)


def test_a_database_of_somebody_else_is_made_anew(log_path: Path) -> None:
    with closing(sqlite3.connect(views_path(log_path))) as connection:
        connection.execute("CREATE TABLE theirs(a)")
    with opened(log_path) as views, views.reading() as connection:
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        assert [("meta",)] == tables.fetchall()


def damage(log_path: Path) -> None:
    """Keep many rows, then spoil all pages but those of the schema."""
    with opened(log_path) as views:
        put(views, 0)
        with views.transaction() as connection:
            connection.executemany("INSERT INTO kept VALUES (?)", ((n,) for n in range(5_000)))
    path = views_path(log_path)
    content = bytearray(path.read_bytes())
    content[3 * 4_096 :] = b"\xff" * (len(content) - 3 * 4_096)
    path.write_bytes(content)


def test_damage_found_in_a_transaction_empties_the_file_and_says_so(log_path: Path) -> None:
    damage(log_path)
    with opened(log_path) as views:
        with pytest.raises(ViewsRenewed), views.transaction() as connection:
            connection.execute("SELECT sum(number) FROM kept").fetchone()
        assert 1 == views.renewals
        assert [] == kept(views)
        put(views, 7)
        assert [7] == kept(views)


def test_damage_found_while_reading_empties_the_file_and_says_so(log_path: Path) -> None:
    damage(log_path)
    with opened(log_path) as views:
        with pytest.raises(ViewsRenewed), views.reading() as connection:
            connection.execute("SELECT sum(number) FROM kept").fetchone()
        assert [] == kept(views)


def test_a_file_cut_short_is_made_anew(log_path: Path) -> None:
    damage(log_path)
    with views_path(log_path).open("r+b") as file:
        file.truncate(2 * 4_096)
    with opened(log_path) as views:
        assert [] == kept(views)


def put_and_fail(views: ViewsFile) -> None:
    with views.transaction() as connection:
        connection.execute("INSERT INTO kept VALUES (8)")
        raise KeyError


def test_a_transaction_that_fails_leaves_nothing(log_path: Path) -> None:
    with opened(log_path) as views:
        put(views, 7)
        with pytest.raises(KeyError):
            put_and_fail(views)
        assert [7] == kept(views)


def test_a_mistake_in_a_statement_is_no_damage(log_path: Path) -> None:
    with opened(log_path) as views:
        put(views, 7)
        with (
            pytest.raises(sqlite3.OperationalError, match="no such table"),
            views.transaction() as connection,
        ):
            connection.execute("SELECT * FROM nowhere")
        assert [7] == kept(views)


def test_transactions_of_two_threads_follow_each_other(log_path: Path) -> None:
    with opened(log_path) as views:
        put(views, 1)
        inside, done = Event(), Event()

        def other() -> None:
            inside.wait(30)
            put(views, 2)
            done.set()

        thread = Thread(target=other)
        thread.start()
        with views.transaction() as connection:
            inside.set()
            assert not done.wait(0.05)
            connection.execute("INSERT INTO kept VALUES (3)")
        thread.join(30)
        assert [1, 3, 2] == kept(views)


def test_a_reader_cannot_write(log_path: Path) -> None:
    with (
        opened(log_path) as views,
        views.reading() as connection,
        pytest.raises(sqlite3.OperationalError, match="readonly"),
    ):
        connection.execute("CREATE TABLE mine(a)")


def test_anyone_may_read_beside_the_writer(log_path: Path) -> None:
    with opened(log_path) as views:
        put(views, 7)
        with closing(ViewsFile.read(log_path)) as connection:
            assert [(7,)] == connection.execute("SELECT number FROM kept").fetchall()


def test_views_that_were_never_made_cannot_be_read(log_path: Path) -> None:
    with pytest.raises(Unreachable, match="cannot be read"):
        ViewsFile.read(log_path)


def test_one_process_opens_them_once(log_path: Path) -> None:
    with opened(log_path), pytest.raises(Conflict, match="open in this process already"):
        ViewsFile.open(log_path, identity="one")
    with opened(log_path) as views:
        assert [] == kept(views)


def test_another_process_is_kept_out_until_the_first_lets_go(log_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(log_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[3],
        text=True,
    ) as holder:
        assert holder.stdin is not None
        assert holder.stdout is not None
        assert "held\n" == holder.stdout.readline()
        with pytest.raises(Conflict, match="written by another process"):
            ViewsFile.open(log_path, identity="one")
        holder.stdin.close()
        views = ViewsFile.open(log_path, identity="one", wait_s=30)
        views.close()
    assert 0 == holder.returncode


def test_views_lie_beside_the_real_log_and_nobody_else_may_read_them(
    log_path: Path, tmp_path: Path
) -> None:
    log_path.touch()
    linked = tmp_path / "linked.db"
    linked.symlink_to(log_path)
    with opened(linked) as views:
        put(views, 7)
        assert log_path.with_name("horolog.db.views") == views.path
        found = {path for path in tmp_path.iterdir() if ".views" in path.name}
        assert {0o600} == {stat.S_IMODE(path.stat().st_mode) for path in found}
    assert {"horolog.db.views", "horolog.db.views.lock"} == {
        path.name for path in tmp_path.iterdir() if ".views" in path.name
    }


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(Unreachable, match="cannot be written beside the log"):
        ViewsFile.open(tmp_path / "nowhere" / "horolog.db", identity="one")


def test_views_in_memory_behave_alike() -> None:
    views = ViewsFile.in_memory(identity="one")
    put(views, 7)
    assert [7] == kept(views)
    views.renew()
    assert [] == kept(views)
    assert 1 == views.renewals
    assert views.path is None
    views.close()


def test_the_file_is_not_opened_by_a_child(log_path: Path) -> None:
    with opened(log_path) as views:
        put(views, 7)
        descriptors = Path("/proc/self/fd")
        if not descriptors.exists():
            pytest.skip("no /proc here")
        ours = [
            int(link.name)
            for link in descriptors.iterdir()
            if link.exists() and ".views" in str(link.readlink())
        ]
        assert ours
        assert not any(os.get_inheritable(number) for number in ours)
