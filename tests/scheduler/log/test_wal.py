"""The write-ahead log as a file: what is left of one that had to grow."""

from contextlib import closing
from pathlib import Path

from scheduler.log.schema import WRITER_PRAGMAS, configure, connect, uri_of
from scheduler.model.limits import WAL_BYTES_KEPT


def test_a_large_write_ahead_log_shrinks_when_it_begins_anew(log_path: Path) -> None:
    wal = log_path.with_name(f"{log_path.name}-wal")
    with closing(connect(uri_of(log_path))) as db:
        configure(db, WRITER_PRAGMAS)
        db.execute("CREATE TABLE large(bytes BLOB)")
        db.execute("INSERT INTO large VALUES (zeroblob(?))", (WAL_BYTES_KEPT,))
        assert wal.stat().st_size > WAL_BYTES_KEPT
        db.execute("PRAGMA wal_checkpoint(PASSIVE)")
        db.execute("INSERT INTO large VALUES (NULL)")
        assert WAL_BYTES_KEPT == wal.stat().st_size
