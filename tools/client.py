"""The owner of a log, asked over its Unix socket: requests out, answers or its errors back.

The standard library's HTTP client over `AF_UNIX`, so a command costs no event loop. Every wish
travels under a key: when the connection breaks after it was sent, nobody knows whether it was
stored, and the key is what it can be asked again by.
"""

import http.client
import socket
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from http import HTTPStatus
from pathlib import Path
from typing import Self

import msgspec

from scheduler.executor.clock import Clock
from scheduler.executor.owner import OwnerRecord
from scheduler.model.commands import AnyCommand
from scheduler.model.content import Contents
from scheduler.model.errors import (
    Conflict,
    HorologError,
    NotAuthorised,
    Unreachable,
)
from scheduler.model.limits import (
    ANSWER_PATIENCE,
    BATCH_WISHES_MAX,
    BODY_BYTES_MAX,
    HTTP_ANSWER_BYTES_MAX,
)
from tools.principals import own_principal
from tools.web import routes
from tools.web.problems import error_of
from tools.wishes import Told, Wish


class UnixConnection(http.client.HTTPConnection):
    """An HTTP connection over a Unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=ANSWER_PATIENCE.total_seconds())
        self._path = path

    def connect(self) -> None:
        """Connect to the socket."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self.sock.settimeout(ANSWER_PATIENCE.total_seconds())
            self.sock.connect(self._path)  # a full queue refuses at once, so nothing is waited for
        except BaseException:
            self.sock.close()
            raise


class Client:
    """The process that owns a log, as a command sees it. Not for several threads at once."""

    def __init__(self, log_path: Path, owner: OwnerRecord, clock: Clock) -> None:
        """Connect to the owner's socket.

        Raises: Conflict, when it does not answer; NotAuthorised, when this user may not ask.
        """
        self._log_path = log_path
        self._owner = owner
        self._clock = clock
        self._connection = UnixConnection(owner.socket)
        try:
            self._connection.connect()
        except PermissionError:
            raise NotAuthorised(_not_yours(Path(owner.socket))) from None
        except OSError:
            raise Conflict(_does_not_answer(log_path, owner)) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the connection."""
        self._connection.close()

    def ask(
        self,
        command: AnyCommand,
        *,
        reason: str | None = None,
        on_behalf_of: str | None = None,
        key: str | None = None,
        contents: Contents | None = None,
        stream: str | None = None,  # noqa: ARG002  # the owner finds it by itself
        unchecked: bool = False,
        dry_run: bool = False,
    ) -> Told:
        """Have a command carried out; see `Wishes.ask`."""
        wish = Wish(
            command=command,
            reason=reason,
            on_behalf_of=on_behalf_of,
            contents=contents or {},
            unchecked=unchecked,
            dry_run=dry_run,
        )
        request = routes.request_of(wish)
        key = key or self._clock.new_id()
        answer = self.request(request.method, request.path, request.body, key=key)
        return msgspec.convert(answer, Told)

    def ask_all(self, wishes: Sequence[Wish]) -> list[Told | HorologError]:
        """Have many carried out, each for itself; see `Wishes.ask_all`."""
        answers: list[Told | HorologError] = []
        is_dry = any(wish.dry_run for wish in wishes)  # of a batch, all are or none
        path = f"{routes.BATCH}?{routes.DRY_RUN}=true" if is_dry else routes.BATCH
        with ThreadPoolExecutor(1) as sending:  # one at a time, while others are made and read here
            under_way: Future[object] | None = None
            for batch in _batches(wishes):
                sent = sending.submit(self.request, "POST", path, batch)
                if under_way is not None:
                    answers += _all_told(_ended(under_way, sent))
                under_way = sent
            if under_way is not None:
                answers += _all_told(under_way.result())
        return answers

    def get(self, path: str) -> object:
        """Return what stands at a path."""
        return self.request("GET", path)

    def request(
        self, method: str, path: str, body: object = None, *, key: str | None = None
    ) -> object:
        """Send a request and return the value of its answer.

        Raises: what the server raised; Unreachable, when the connection broke.
        """
        headers = {"Accept": "application/json"}
        raw = None
        if body is not None:
            raw = msgspec.json.encode(body)
            headers["Content-Type"] = "application/json"
        if key is not None:
            headers[routes.KEY_HEADER] = key
        try:
            self._connection.request(method, path, raw, headers)
            response = self._connection.getresponse()
            text = response.read(HTTP_ANSWER_BYTES_MAX)
            if response.length:  # read with a bound, it does not tell by itself
                raise http.client.IncompleteRead(text, response.length)
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            raise Unreachable(self._broken(error, method, key)) from None
        return _value(response.status, text)

    def _broken(self, error: Exception, method: str, key: str | None) -> str:
        """Return the sentence for an answer that did not come."""
        why = "did not answer in time" if isinstance(error, TimeoutError) else "broke off"
        what = f"{self._log_path.name}: the server (pid {self._owner.pid}) {why}"
        if method == "GET":
            return f"{what}. Try again"
        again = f" Ask again with the same key, and it is done once: --key {key}" if key else ""
        return f"{what}; whether this was stored is in doubt.{again}"


def _ended(under_way: Future[object], following: Future[object]) -> object:
    """Return the answer to a batch; when there is none, the one behind it is not sent either."""
    try:
        return under_way.result()
    except BaseException:
        following.cancel()
        raise


def _all_told(answer: object) -> list[Told | HorologError]:
    told = answer.get("answers") if isinstance(answer, Mapping) else None
    return [_told(one) for one in (told if isinstance(told, list) else [])]


def _batches(wishes: Sequence[Wish]) -> Iterator[dict[str, object]]:
    """Yield the bodies that carry the wishes, each within the bounds of one request.

    All but the last say that more comes: the views are waited for once.
    """
    entries: list[msgspec.Raw] = []
    size = 0
    for wish in wishes:
        entry = routes.entry_of(wish)
        raw = msgspec.Raw(msgspec.json.encode(entry))
        length = len(bytes(raw)) + 1
        if entries and (len(entries) == BATCH_WISHES_MAX or size + length > _BATCH_BYTES_MAX):
            yield {"wishes": entries, "more": True}
            entries, size = [], 0
        entries.append(raw)
        size += length
    if entries:
        yield {"wishes": entries}


_BATCH_BYTES_MAX = BODY_BYTES_MAX - 1_024  # room for what stands around the wishes


def _told(answer: object) -> Told | HorologError:
    if isinstance(answer, Mapping) and isinstance(problem := answer.get("problem"), Mapping):
        return error_of(problem)
    return msgspec.convert(answer, Told)


def _value(status: int, text: bytes) -> object:
    """Return the value of an answer, or raise the error it tells."""
    try:
        value: object = msgspec.json.decode(text) if text else None
    except msgspec.DecodeError:
        raise Unreachable(f"The server's answer (status {status}) is not JSON") from None
    if status >= HTTPStatus.BAD_REQUEST:
        raise error_of(value if isinstance(value, Mapping) else {"title": f"status {status}"})
    return value


def _does_not_answer(log_path: Path, owner: OwnerRecord) -> str:
    """Return the sentence for an owner whose socket is dead."""
    where = f" on {owner.host}" if owner.host else ""
    since = f" (serving since {owner.since:%Y-%m-%d %H:%M} UTC)" if owner.since else ""
    return (
        f"{log_path.name} is owned by pid {owner.pid}{where}{since}, and its socket does not"
        f" answer. If {owner.pid} is stuck: horolog doctor"
    )


def _not_yours(path: Path) -> str:
    """Return the sentence for a socket that this user may not write to."""
    import grp
    import pwd
    import stat

    own = own_principal().replace(" (", ", ").rstrip(")")
    try:
        status = path.stat()
    except OSError:
        return f"You ({own}) may not write to this log: its socket lies where you may not look"
    if status.st_mode & stat.S_IWGRP:
        try:
            group = grp.getgrgid(status.st_gid).gr_name
        except KeyError:
            group = str(status.st_gid)
        return (
            f'You ({own}) may not write to this log: its socket belongs to group "{group}".'
            " Ask for the group"
        )
    try:
        user = pwd.getpwuid(status.st_uid).pw_name
    except KeyError:
        user = f"uid {status.st_uid}"
    return (
        f"You ({own}) may not write to this log: its socket is for {user} alone. A group can be let"
        ' in: [socket]  mode = "0660"  group = "…"'
    )
