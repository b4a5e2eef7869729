"""Where a log may lie: a regular file of one name, local, in a folder we may write.

SQLite's write-ahead log is shared memory between processes of one machine: on a network file system
it loses data, so such places are refused before the file is opened. Links are resolved, because
lock, socket and write-ahead log lie beside the real file; a second hard link would give one log two
locks. This module asks the operating system only and never opens the log itself: closing a file
that SQLite has open drops its locks (POSIX).
"""

import os
import stat
from pathlib import Path

from scheduler.model.errors import NotAuthorised, Unreachable

MOUNTS = Path("/proc/self/mountinfo")  # Linux; elsewhere the kind of a file system stays unknown
NETWORK_KINDS = frozenset(
    {
        *("9p", "afs", "beegfs", "ceph", "cifs", "coda", "davfs", "drvfs", "glusterfs", "lustre"),
        *("ncpfs", "nfs", "nfs4", "orangefs", "prl_fs", "smb3", "smbfs", "vboxsf", "vmhgfs"),
        *("fuse.ceph", "fuse.davfs", "fuse.gcsfuse", "fuse.glusterfs", "fuse.rclone", "fuse.s3fs"),
        *("fuse.sshfs", "fuse.vmhgfs-fuse"),
    }
)


def real_path(path: Path) -> Path:
    """Return the path of the log's file with all links resolved.

    Raises: Unreachable, when there is no log, or it lies where none may.
    """
    real = Path(os.path.realpath(path))
    try:
        status = real.stat()
    except (FileNotFoundError, NotADirectoryError):
        raise Unreachable(
            f'No log at {shown(path)}. "horolog init" makes one here; if yours is elsewhere:'
            " --db PATH or HOROLOG_DB"
        ) from None
    except PermissionError:
        raise NotAuthorised(f"You (uid {os.getuid()}) may not look into {real.parent}") from None
    if not stat.S_ISREG(status.st_mode):
        raise Unreachable(f"{shown(path)} is not a file")
    if status.st_nlink > 1:
        raise Unreachable(
            f"{shown(path)} has {status.st_nlink} hard links. A log has one name, so that it has"
            " one lock; remove the others"
        )
    refuse_network(real)
    return real


def new_path(path: Path) -> Path:
    """Return the real path at which a new log may be made.

    Raises: Unreachable, NotAuthorised.
    """
    real = Path(os.path.realpath(path))
    if not real.parent.is_dir():
        raise Unreachable(f"There is no folder {shown(real.parent)} for the log {real.name}")
    refuse_network(real)
    check_writable(real.parent)
    return real


def check_writable(path: Path) -> None:
    """Refuse a file or folder that this user cannot write.

    Raises: Unreachable, on a read-only file system; NotAuthorised.
    """
    if os.access(path, os.W_OK):
        return
    if os.statvfs(path).f_flag & os.ST_RDONLY:
        raise Unreachable(f"{path} lies on a file system that is mounted read-only")
    raise NotAuthorised(f"You (uid {os.getuid()}) may not write to {path}")


def refuse_network(real: Path) -> None:
    """Refuse a place on a network file system.

    Raises: Unreachable.
    """
    try:
        mounts = MOUNTS.read_text(errors="surrogateescape")
    except OSError:
        return
    kind = file_system_kind(real, mounts)
    if kind in NETWORK_KINDS:
        raise Unreachable(
            f"{real.name} lies on a network file system ({kind}). SQLite's write-ahead log loses"
            " data there, so Horolog does not start. Move it to a local disk"
        )


def file_system_kind(real: Path, mounts: str) -> str:
    """Return the kind of file system that holds `real`, by mountinfo; empty when unknown.

    Source: proc(5), /proc/pid/mountinfo: the fifth field is the mount point, the kind follows " -
    ".
    """
    best, kind = -1, ""
    for line in mounts.splitlines():
        fields, _, rest = line.partition(" - ")
        parts = fields.split(" ")
        if len(parts) <= 4 or not rest:  # noqa: PLR2004  # no mount point in it
            continue
        point = Path(_unescaped(parts[4]))
        depth = len(point.parts)
        if real.is_relative_to(point) and depth >= best:  # of two on one point, the later covers
            best, kind = depth, rest.split(" ")[0]
    return kind


def _unescaped(field: str) -> str:
    for code, character in (("040", " "), ("011", "\t"), ("012", "\n"), ("134", "\\")):
        field = field.replace(f"\\{code}", character)
    return field


def shown(path: Path) -> str:
    """Return a path as a person would type it: relative ones begin with a dot."""
    text = str(path)
    return text if path.is_absolute() or text.startswith(".") else f"./{text}"
