import errno
import socket
import ssl
from datetime import timedelta

import pytest

from services.connections.errors import (
    ConnectionFailed,
    RecipientsRefused,
    StatusRefused,
    UnknownConnection,
    cause_of,
    timed_out,
)
from services.outcomes import Fatal


def caused(outer: BaseException, inner: BaseException) -> BaseException:
    outer.__cause__ = inner
    return outer


def test_a_failure_names_the_connection_and_the_cause() -> None:
    error = ConnectionFailed('rest "x" (http://h)', "it burns")
    assert ('rest "x" (http://h): it burns', "it burns") == (str(error), error.cause)
    status = StatusRefused("x", "500 No", status=500, body="No")
    assert ("x: 500 No", 500, "No") == (str(status), status.status, status.body)


def test_refused_recipients_are_all_named() -> None:
    error = RecipientsRefused("x", {"a@b": "550 no", "c@d": "451 later"})
    assert (
        "x: the mail was sent to nobody: the server refuses a@b (550 no); c@d (451 later)"
        == str(error)
    )
    assert {"a@b": "550 no", "c@d": "451 later"} == error.refused


def test_trying_again_does_not_help_against_an_unknown_name() -> None:
    assert isinstance(UnknownConnection("x"), Fatal)


def test_a_lapse_of_time_says_how_long() -> None:
    assert "no answer within 1m30s" == timed_out(timedelta(seconds=90))


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (ConnectionRefusedError(errno.ECONNREFUSED, "x"), "the connection was refused: nothing"),
        (ConnectionResetError(errno.ECONNRESET, "x"), "the far end broke the connection"),
        (OSError(errno.EHOSTUNREACH, "x"), "there is no way to this host"),
        (OSError(errno.EACCES, "Permission denied"), "Permission denied"),
        (socket.gaierror(-2, "Name unknown"), "the host's name has no address: Name unknown"),
        (ssl.SSLError(1, "[X] odd"), "no TLS there: "),
        (ValueError("first\nsecond"), "first"),
        (ValueError(), "ValueError"),
        (caused(ValueError("outer"), OSError(errno.ECONNREFUSED, "x")), "the connection was"),
        (caused(ValueError("outer"), ValueError("inner")), "outer"),
        (ExceptionGroup("many", [OSError(errno.ECONNREFUSED, "x")]), "the connection was refused"),
    ],
)
def test_a_cause_is_told_in_words(error: BaseException, cause: str) -> None:
    assert cause_of(error).startswith(cause)


def test_causes_that_go_round_in_a_circle_come_to_an_end() -> None:
    first, second = ValueError("first"), ValueError("second")
    first.__context__, second.__context__ = second, first
    assert "first" == cause_of(first)
