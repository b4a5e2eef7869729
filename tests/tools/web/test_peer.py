"""The socket is ours alone unless a group is let in, and the kernel says who asks."""

import os
import socket
import stat
from contextlib import ExitStack
from pathlib import Path

import pytest

from scheduler.model.errors import BadInput, Conflict
from scheduler.model.limits import SOCKET_BACKLOG
from tests.tools.web.conftest import Send
from tools.web.peer import bind


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_socket_is_bound_for_its_owner_alone(tmp_path: Path) -> None:
    with bind(tmp_path / "s", mode=0o600, group=None):
        assert 0o600 == mode_of(tmp_path / "s")


def test_a_group_is_let_in_when_it_is_named(tmp_path: Path) -> None:
    import grp

    group = grp.getgrgid(os.getgid()).gr_name
    with bind(tmp_path / "s", mode=0o660, group=group):
        assert (0o660, os.getgid()) == (mode_of(tmp_path / "s"), (tmp_path / "s").stat().st_gid)


def test_a_group_that_is_not_there_is_refused_and_nothing_is_left(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"socket\.group: there is no group 'nobody-of-that-name'"):
        bind(tmp_path / "s", mode=0o660, group="nobody-of-that-name")
    assert not (tmp_path / "s").exists()


def test_what_a_dead_owner_left_is_replaced(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / "s"))
    with bind(tmp_path / "s", mode=0o600, group=None), socket.socket(socket.AF_UNIX) as asking:
        asking.connect(str(tmp_path / "s"))


def test_a_place_where_no_socket_can_be_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Conflict, match="cannot be bound"):
        bind(tmp_path / "no-folder" / "s", mode=0o600, group=None)


def test_so_many_connections_wait_to_be_taken_and_the_next_is_refused(tmp_path: Path) -> None:
    with ExitStack() as stack:
        stack.enter_context(bind(tmp_path / "s", mode=0o600, group=None))
        for _ in range(SOCKET_BACKLOG + 1):  # the queue is full when it holds more than it may
            waiting = stack.enter_context(socket.socket(socket.AF_UNIX))
            waiting.setblocking(False)
            waiting.connect(str(tmp_path / "s"))
        late = stack.enter_context(socket.socket(socket.AF_UNIX))
        late.setblocking(False)
        assert 0 != late.connect_ex(str(tmp_path / "s"))


def test_the_umask_is_as_before(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        bind(tmp_path / "s", mode=0o600, group=None).close()
        assert 0o027 == os.umask(0o027)
    finally:
        os.umask(before)


def test_a_server_hides_what_it_is_made_of(refuse: Send) -> None:
    assert 404 == refuse("GET", "/").status
    assert "uvicorn" not in str(refuse("GET", "/"))
