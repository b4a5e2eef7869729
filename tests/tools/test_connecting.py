from datetime import UTC, datetime
from pathlib import Path

import pytest

from scheduler.executor.clock import ManualClock
from services.connections.errors import ConnectionFailed, UnknownConnection
from tools.connecting import connections_of
from tools.settings import Settings, read_settings

CLOCK = ManualClock(datetime(2026, 3, 1, 12, tzinfo=UTC))


def test_the_connections_are_those_of_the_settings_wherever_one_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "own.toml"
    file.write_text(
        """
        db = "own.db"
        [connections.orders]
        kind = "sql"
        url = "sqlite:///orders.db"
        create = true
        [connections.log]
        kind = "sql"
        url = "sqlite:///own.db"
        create = true
        """
    )
    monkeypatch.chdir(tmp_path)
    found = connections_of(read_settings(Path("own.toml")), CLOCK)
    monkeypatch.chdir("/")
    found.client("orders").ping()
    assert (tmp_path / "orders.db").exists()
    with pytest.raises(ConnectionFailed, match="this is Horolog's own log"):
        found.client("log").ping()
    with pytest.raises(UnknownConnection, match=r"own\.toml has none of that name"):
        found.client("other")
    assert found.now is not None
    assert CLOCK.now() == found.now()
    found.close()


def test_without_settings_there_are_none() -> None:
    with pytest.raises(
        UnknownConnection, match=r"horolog.toml has none of that name \(it has: none"
    ):
        connections_of(Settings(), CLOCK).client("any")
