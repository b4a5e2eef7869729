"""Where a log may lie."""

import os
from pathlib import Path

import pytest

from scheduler.log.place import check_writable, file_system_kind, new_path, shown
from scheduler.model.errors import NotAuthorised, Unreachable

MOUNTS = """\
21 1 252:0 / / rw,relatime shared:1 - ext4 /dev/vda rw,discard
25 21 0:22 / /proc rw,nosuid - proc proc rw
30 21 0:40 / /data rw,relatime shared:2 master:1 - nfs4 server:/export rw,vers=4.2
31 30 252:1 / /data/local rw,relatime - xfs /dev/vdb rw
32 21 0:50 / /my\\040files rw - fuse.sshfs me@far:/ rw
33 21 0:51 / /twice rw - ext4 /dev/vdc rw
34 21 0:52 / /twice rw - cifs //server/share rw
a line that is none
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/var/lib/horolog.db", "ext4"),
        ("/data/horolog.db", "nfs4"),
        ("/data/deep/er/horolog.db", "nfs4"),
        ("/database/horolog.db", "ext4"),
        ("/data/local/horolog.db", "xfs"),
        ("/my files/horolog.db", "fuse.sshfs"),
        ("/twice/horolog.db", "cifs"),
    ],
)
def test_the_innermost_and_latest_mount_tells_the_file_system(path: str, kind: str) -> None:
    assert kind == file_system_kind(Path(path), MOUNTS)


def test_a_file_system_that_nobody_lists_is_unknown() -> None:
    assert "" == file_system_kind(Path("/horolog.db"), "")


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("horolog.db", "./horolog.db"),
        ("../horolog.db", "../horolog.db"),
        ("/var/horolog.db", "/var/horolog.db"),
    ],
)
def test_a_path_is_shown_as_a_person_would_type_it(path: str, text: str) -> None:
    assert text == shown(Path(path))


def test_a_new_log_lies_where_its_links_lead(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert tmp_path / "real" / "horolog.db" == new_path(tmp_path / "link" / "horolog.db")


def test_a_place_that_is_mounted_read_only_is_told_from_a_missing_right(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda _path, _mode: False)
    with pytest.raises(NotAuthorised, match=f"may not write to {tmp_path}"):
        check_writable(tmp_path)
    status = list(os.statvfs(tmp_path))
    status[8] |= os.ST_RDONLY
    monkeypatch.setattr(os, "statvfs", lambda _path: os.statvfs_result(status))
    with pytest.raises(Unreachable, match="mounted read-only"):
        check_writable(tmp_path)
