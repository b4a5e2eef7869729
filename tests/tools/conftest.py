"""A log with its settings, and a server of it in this process: real files, real sockets."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from scheduler.executor.clock import SystemClock
from scheduler.executor.owner import who_owns
from tools.app import create
from tools.client import Client
from tools.serving import Seams, Served
from tools.settings import Settings

SERVICES = '''
"""Services for the tests of the tools."""

from services.registry import service


@service("say.hello")
def hello(ctx: object) -> str:
    """Say hello."""
    return "hello"


@service("fail.always")
def fail() -> None:
    """Fail."""
    raise ValueError("as asked")
'''


def made_in(folder: Path) -> Settings:
    """Return the settings of a new, empty log in a folder."""
    (folder / "jobs.py").write_text(SERVICES)
    made = Settings(db=folder / "horolog.db", base=folder, load=("jobs.py",))
    create(made.db)
    return made


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Return the settings of a new, empty log."""
    return made_in(tmp_path)


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Return a server that the tests of a module share, because they change nothing."""
    served = Served(made_in(tmp_path_factory.mktemp("standing")), lambda who: None)
    yield served
    served.stop()


Serve = Callable[..., Served]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Serve logs in this process, until the test is over."""
    begun: list[Served] = []

    def serving(settings: Settings, seams: Seams | None = None) -> Served:
        served = Served(settings, lambda who: None, seams)
        begun.append(served)
        return served

    yield serving
    for served in begun:
        served.stop()


@pytest.fixture
def served(settings: Settings, serve: Serve) -> Served:
    """Return a server of the log."""
    return serve(settings)


@pytest.fixture
def client(served: Served) -> Iterator[Client]:
    """Return a client of the server."""
    owner = who_owns(served.settings.db)
    assert owner is not None
    with Client(served.settings.db, owner, SystemClock()) as opened:
        yield opened
