"""A raw line to a server's socket: what a person with curl, or somebody worse, may send."""

import json
from collections.abc import Callable, Iterator
from typing import NamedTuple

import pytest

from tools.client import UnixConnection
from tools.serving import Served


class Answer(NamedTuple):
    """What came back."""

    status: int
    kind: str  # of content
    value: dict[str, object]


Send = Callable[..., Answer]


@pytest.fixture
def send(served: Served) -> Iterator[Send]:
    """Send requests as they are given."""
    yield from sending_to(served)


@pytest.fixture
def refuse(standing: Served) -> Iterator[Send]:
    """Send requests that change nothing, to a server that many tests share."""
    before = standing.log.head()
    yield from sending_to(standing)
    assert before == standing.log.head()


def sending_to(served: Served) -> Iterator[Send]:
    connection = UnixConnection(str(served.owner.socket_path))

    def sending(
        method: str, path: str, body: object = None, headers: dict[str, str] | None = None
    ) -> Answer:
        raw = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        connection.request(method, path, raw, headers or {})
        response = connection.getresponse()
        return Answer(
            response.status, response.getheader("Content-Type", ""), json.loads(response.read())
        )

    yield sending
    connection.close()
