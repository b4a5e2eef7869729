"""Whose certificates are trusted: the system's, the usual ones, and those of a connection's own."""

import ssl
from pathlib import Path

import certifi

from services.connections.errors import ConnectionFailed
from services.connections.kinds import Connection, title


def trusted(connection: Connection, base_dir: Path) -> ssl.SSLContext:
    """Return a context that verifies the far end's certificate and name.

    Raises: ConnectionFailed, when the file that `ca` names cannot be read.
    """
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    if connection.ca is not None:
        try:
            context.load_verify_locations(base_dir / connection.ca)
        except (OSError, ssl.SSLError) as error:
            why = error.strerror or str(error)
            raise ConnectionFailed(title(connection), f"ca: {connection.ca}: {why}") from None
    return context
