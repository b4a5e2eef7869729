"""What goes wrong with a connection, as the service that uses it meets it.

Each sentence names the connection and the cause, so that the error of an attempt can be acted on
without its traceback. These are plain exceptions, as those of `services.outcomes`: any of them is a
failed attempt that the job's retry policy deals with, but for a name that is not in the settings,
which another attempt would not find either.
"""

import errno
from collections.abc import Iterator, Mapping
from datetime import timedelta

from services.outcomes import Fatal

_CAUSES_MAX = 20  # exceptions looked through, one the cause of another
_PLAIN = {
    errno.ECONNREFUSED: "the connection was refused: nothing listens there",
    errno.ECONNRESET: "the far end broke the connection",
    errno.EPIPE: "the far end broke the connection",
    errno.EHOSTUNREACH: "there is no way to this host",
    errno.ENETUNREACH: "there is no way to this network",
}


class ConnectionFailed(Exception):
    """The far end did not do what it was asked to; `connection` says which one."""

    def __init__(self, connection: str, cause: str) -> None:
        super().__init__(f"{connection}: {cause}")
        self.connection = connection
        self.cause = cause


class StatusRefused(ConnectionFailed):
    """An HTTP request was answered with a status that is no success."""

    def __init__(self, connection: str, cause: str, *, status: int, body: str) -> None:
        super().__init__(connection, cause)
        self.status = status
        self.body = body  # its first part


class RecipientsRefused(ConnectionFailed):
    """A mail was sent to nobody, because the server refuses at least one of its recipients."""

    def __init__(self, connection: str, refused: Mapping[str, str]) -> None:
        why = "; ".join(f"{recipient} ({reply})" for recipient, reply in refused.items())
        super().__init__(connection, f"the mail was sent to nobody: the server refuses {why}")
        self.refused = dict(refused)


class UnknownConnection(Fatal):
    """The settings have no such connection, or it is of another kind."""


def timed_out(length: timedelta) -> str:
    """Return the cause of a failure by lapse of time."""
    from scheduler.model.written import format_duration

    return f"no answer within {format_duration(length)}"


def cause_of(error: BaseException) -> str:
    """Return why a library failed, in words: the innermost cause that says something."""
    found = ""
    for cause in _causes(error):
        found = _worded(cause) or found
    return found or _first_line(error)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield the error and what caused it, the innermost last."""
    for _ in range(_CAUSES_MAX):
        if error is None:
            return
        yield error
        if isinstance(error, BaseExceptionGroup) and error.exceptions:
            error = error.exceptions[0]
        else:
            error = error.__cause__ or error.__context__


def _worded(error: BaseException) -> str | None:
    import ssl  # here: whoever only names an error of this file need not wait for it
    from socket import gaierror

    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate does not verify: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"no TLS there: {getattr(error, 'reason', None) or error}"
    if isinstance(error, gaierror):
        return f"the host's name has no address: {error.strerror}"
    if isinstance(error, OSError) and error.errno is not None:
        return _PLAIN.get(error.errno, error.strerror)
    return None


def _first_line(error: BaseException) -> str:
    message = str(error).strip().partition("\n")[0]
    return message or type(error).__name__
