"""What the tests of the connections are made from: settings as a user writes them, used at once."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from services.connections.catalog import Connections

NOW = datetime(2026, 3, 1, 10, 5, tzinfo=UTC)
NAME = "the connection"

Value = TypeVar("Value")


def connections(table: object, base_dir: Path = Path(), log: Path | None = None) -> Connections:
    """Return one connection, by the name NAME, with these settings."""
    return Connections.from_settings({NAME: table}, base_dir, now=lambda: NOW, log=log)


def used(made: Connections, use: Callable[[Any], Awaitable[Value]]) -> Value:
    """Return what comes of using the client called NAME, on an event loop of its own."""

    async def use_and_close() -> Value:
        try:
            return await use(made.client(NAME))
        finally:
            await made.close_here()

    return asyncio.run(use_and_close())
