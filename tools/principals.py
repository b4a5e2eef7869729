"""Who asks: the system's user behind a process, as events name it."""

import os
import pwd
import socket
import struct
import sys

# struct ucred (Linux): pid, uid, gid. struct xucred (macOS): version, uid, and groups that we skip.
_UCRED = struct.Struct("3i")
_XUCRED = struct.Struct("2I")
_LOCAL_PEERCRED = 0x001  # sys/un.h on macOS, at level 0; Python does not name it
_XUCRED_BYTES = 76


def principal(uid: int) -> str:
    """Return a user as events name it: "uid 1000 (ben)", or the number alone if nameless."""
    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"
    return f"uid {uid} ({name})"


def own_principal() -> str:
    """Return the user of this process."""
    return principal(os.getuid())


def peer_uid(connection: socket.socket) -> int:
    """Return the user at the other end of a Unix socket, as the kernel knows it.

    Raises: OSError, when the connection has gone.
    """
    if sys.platform == "darwin":
        raw = connection.getsockopt(0, _LOCAL_PEERCRED, _XUCRED_BYTES)
        return int(_XUCRED.unpack_from(raw)[1])
    raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
    return int(_UCRED.unpack(raw)[1])
