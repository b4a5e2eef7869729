"""A client that keeps asking for changes, and writes down every answer.

A wish whose answer did not come is in doubt: it is asked again under its key, as its message says,
until it is answered. So each wish is answered at most once with events, however often the server
dies.
"""

from pathlib import Path
from threading import Event

from scheduler.executor.clock import SystemClock
from scheduler.executor.owner import who_owns
from scheduler.model import commands as c
from scheduler.model.errors import Conflict, Refused, Unreachable
from tests.crash.ledger import Ledger
from tests.crash.waiting import let_pass
from tools.client import Client
from tools.wishes import Told

PAUSE_S = 0.02


class Asker:
    """Asks whoever serves a log, as long as it takes; for one thread."""

    def __init__(self, log_path: Path, ledger_path: Path) -> None:
        self.refused: list[Refused] = []
        self.unanswered = 0  # tries that met no server, or one that died before it answered
        self.give_up = Event()  # set when no server will come any more
        self._log_path = log_path
        self._ledger = Ledger(ledger_path)
        self._clock = SystemClock()
        self._client: Client | None = None

    def ask(self, command: c.AnyCommand, *, key: str | None = None) -> Told | None:
        """Ask until there is an answer, and write it down; None when it was refused or given up."""
        key = key or self._clock.new_id()
        while not self.give_up.is_set():
            try:
                told = self._connected().ask(command, key=key)
            except Unreachable:  # it died, or is about to begin
                self.unanswered += 1
                self.close()
                let_pass(PAUSE_S)
                continue
            except Refused as refusal:
                if "stopping" in str(refusal):
                    self.close()
                    let_pass(PAUSE_S)
                    continue
                self.refused.append(refusal)
                return None
            self._ledger.acknowledge(key, told)
            return told
        return None

    def _connected(self) -> Client:
        if self._client is None:
            owner = who_owns(self._log_path)
            if owner is None or not owner.socket:
                raise Unreachable("nobody serves")
            try:
                self._client = Client(self._log_path, owner, self._clock)
            except Conflict as silent:
                raise Unreachable(str(silent)) from None
        return self._client

    def close(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None
