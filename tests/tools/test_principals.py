"""Who asks is what the kernel says."""

import os
import pwd
import socket

from tools.principals import own_principal, peer_uid, principal


def test_a_user_is_named_by_number_and_name() -> None:
    name = pwd.getpwuid(os.getuid()).pw_name
    assert f"uid {os.getuid()} ({name})" == own_principal()


def test_a_user_without_a_name_is_a_number() -> None:
    assert "uid 4000000001" == principal(4_000_000_001)


def test_the_user_at_the_other_end_of_a_socket_is_known() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert os.getuid() == peer_uid(ours)
