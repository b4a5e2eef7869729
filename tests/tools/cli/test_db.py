"""`db backup` and `db restore`."""

from datetime import timedelta
from pathlib import Path

import pytest

from tests.tools.cli.desk import Desk


@pytest.fixture
def orders(desk: Desk) -> Desk:
    """Return a desk with one job, due every 10 minutes on the grid of the hour."""
    desk.done("job", "add", "orders", "a.ok", "--every", "10m", "--anchor", "2026-03-02T12:00Z")
    return desk


def test_a_backup_tells_its_head_and_is_recorded(orders: Desk) -> None:
    position = orders.head
    printed = orders.done("db", "backup", "copy.db", "--json").json
    assert ("copy.db", position, True) == (
        printed["file"],
        printed["position"],
        printed["changed"],
    )
    assert (orders.folder / "copy.db").stat().st_size == printed["size"]
    assert position < orders.head
    [event] = printed["events"]
    assert printed["hash"] == event["body"]["hash"]


def test_a_backup_says_so_to_people(orders: Desk) -> None:
    out = orders.done("db", "backup", "copy.db").out
    assert out.startswith(f"copy.db: {orders.head - 1:,} events, ")
    assert "verified\n  head " in out


def test_a_file_that_is_there_is_a_conflict(orders: Desk) -> None:
    (orders.folder / "copy.db").write_text("mine")
    position = orders.head
    assert 5 == orders("db", "backup", "copy.db").code
    assert ("mine", position) == ((orders.folder / "copy.db").read_text(), orders.head)


def test_a_dry_run_of_a_backup_writes_nothing(orders: Desk) -> None:
    position = orders.head
    printed = orders.done("db", "backup", "copy.db", "--dry-run", "--json").json
    assert (position, False) == (printed["position"], printed["changed"])
    assert not (orders.folder / "copy.db").exists()
    assert position == orders.head


def test_a_log_that_is_not_there_cannot_be_copied(bare_desk: Desk) -> None:
    assert 9 == bare_desk("db", "backup", "copy.db").code
    assert not (bare_desk.folder / "copy.db").exists()


@pytest.fixture
def restored(orders: Desk) -> Desk:
    """Return a desk whose log was put back, an hour later."""
    orders.done("db", "backup", "copy.db")
    orders.done("job", "add", "later", "b.ok", "--every", "10m")
    orders.clock.advance(timedelta(hours=1, minutes=5))
    out = orders.done("db", "restore", "copy.db", "--replace").out
    assert "everything is paused.\nTo go on: horolog job resume --all --missed" in out
    return orders


def fired(desk: Desk) -> int:
    """Return how many runs there are after half an hour of a server."""
    with desk.serving() as history:
        history.tick(1_800)
    return len(desk.done("run", "list", "--job", "orders", "--jsonl").out.splitlines())


def test_what_came_after_the_copy_is_gone_and_the_old_log_is_kept(restored: Desk) -> None:
    listed = restored.done("job", "list", "--jsonl").out
    assert "orders" in listed
    assert "later" not in listed
    aside = restored.folder / "horolog.db.20260302T130500Z"
    assert "later" in restored.done("--db", str(aside), "job", "list", "--jsonl").out


def test_nothing_fires_after_a_restore(restored: Desk) -> None:
    assert 0 == fired(restored)


def test_all_goes_on_once_it_is_said_what_becomes_of_the_missed(restored: Desk) -> None:
    restored.done("job", "resume", "--all", "--missed", "latest")
    assert 0 < fired(restored)


def test_a_log_that_is_there_is_not_replaced_unasked(orders: Desk) -> None:
    orders.done("db", "backup", "copy.db")
    position = orders.head
    refused = orders("db", "restore", "copy.db")
    assert (5, position) == (refused.code, orders.head)
    assert "--replace" in refused.err


def test_a_copy_that_is_not_there_is_told(orders: Desk) -> None:
    assert 9 == orders("db", "restore", "none.db", "--replace").code


def test_a_damaged_copy_is_refused(orders: Desk) -> None:
    orders.done("db", "backup", "copy.db")
    copy: Path = orders.folder / "copy.db"
    raw = bytearray(copy.read_bytes())
    raw[raw.rindex(b'"orders"') + 1] ^= 1
    copy.write_bytes(raw)
    position = orders.head
    refused = orders("db", "restore", "copy.db", "--replace")
    assert (8, position) == (refused.code, orders.head)
