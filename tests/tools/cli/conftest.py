"""A desk for each test of the command line: its own folder, the working directory moved there."""

from pathlib import Path

import pytest

from tests.tools.cli.desk import Desk


@pytest.fixture
def bare_desk(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Desk:
    """Return a desk with settings and services, and no log."""
    monkeypatch.chdir(tmp_path)
    return Desk(tmp_path, capsys)


@pytest.fixture
def desk(bare_desk: Desk) -> Desk:
    """Return a desk with an empty log."""
    bare_desk.create()
    return bare_desk
