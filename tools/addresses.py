"""HOST:PORT, as people write it: of the settings, the environment and the command line.

Nothing is resolved or bound here; whether a port may be opened to others is decided where it is
bound (`web.tcp`).
"""

import re
from typing import Final, NamedTuple

from scheduler.model.errors import BadInput
from scheduler.model.json_values import shown

NONE: Final = "none"  # no port at all
PORT_MAX: Final = 65_535
SHAPE: Final = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):([0-9]{1,5})")


class Address(NamedTuple):
    """Where to listen."""

    host: str  # a name or an address, without brackets
    port: int  # 0: any free one

    def __str__(self) -> str:
        """Return it as people write it."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


LISTEN_DEFAULT: Final = Address("127.0.0.1", 8321)


def read_address(text: str, path: str) -> Address | None:
    """Return the address that is written; None for "none".

    Raises: BadInput, naming `path`.
    """
    if text == NONE:
        return None
    found = SHAPE.fullmatch(text)
    if found is None or int(found[2]) > PORT_MAX:
        raise BadInput.at(
            path, f"got {shown(text)} instead of HOST:PORT.", f'As in {LISTEN_DEFAULT}, or "none"'
        )
    return Address(found[1].strip("[]"), int(found[2]))
