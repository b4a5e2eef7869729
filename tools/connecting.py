"""The connections of the settings, ready to be used: for the server and for single commands.

Nothing is reached here, and no client is made: that is left to whoever asks for one by name.
"""

from pathlib import Path

from scheduler.executor.clock import Clock
from services.connections.catalog import Connections
from services.connections.kinds import ConnectionSettings
from services.permissions import Permissions
from tools.settings import FILE_DEFAULT, Settings


def connections_of(settings: Settings, clock: Clock) -> Connections:
    """Return the connections of these settings. Whoever asks closes them."""
    return Connections(
        ConnectionSettings(
            connections=settings.connections,
            base_dir=str(settings.base.resolve()),
            file=(settings.file or FILE_DEFAULT).name,
            log=str(Path(settings.db).resolve()),
            permissions=Permissions(
                commands=settings.commands,
                private_addresses=settings.allow_private,
                redirects=settings.allow_redirects,
            ),
        ),
        now=clock.now,
    )
