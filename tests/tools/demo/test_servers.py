"""The demo's far ends are there, or it is said what is missing before anything starts."""

from pathlib import Path

import pytest

from scheduler.model.errors import Unreachable
from tools.demo import servers
from tools.demo.servers import RedisServer, redis_program


def test_without_a_redis_server_it_is_said_how_to_get_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(servers, "find_spec", lambda _: None)
    with pytest.raises(Unreachable, match="apt install redis-server"):
        redis_program()


def test_a_redis_server_that_does_not_start_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "redis-server"
    broken.write_text("#!/bin/sh\necho no memory\n")
    broken.chmod(0o700)
    monkeypatch.setattr(servers, "redis_program", lambda: str(broken))
    with pytest.raises(Unreachable, match="no memory"), RedisServer():
        pass
