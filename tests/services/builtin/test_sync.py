import asyncio

import pytest

import services.builtin.sync  # noqa: F401  # it registers
from services.connections.errors import ConnectionFailed, UnknownConnection
from services.connections.kinds import RedisConnection, RestConnection, SmtpConnection
from services.outcomes import Fatal
from tests.servers import HERE, Answer, Mail, RedisServer, Web
from tests.services.builtin.making import called
from tests.services.builtin.stored import stored

DATA = "id,amount\n1,10\n"
GIVEN = {"source": "Source", "redis": "Store", "smtp": "Post", "to": "ann@example.com"}


@pytest.fixture
def three(
    web: Web, mail: Mail, redis_server: RedisServer
) -> tuple[RestConnection, RedisConnection, SmtpConnection]:
    web.answer = Answer(body=DATA.encode())
    post = SmtpConnection(
        name="Post", host=HERE, port=mail.port, security="plain", sender="jobs@example.com"
    )
    return (
        RestConnection(name="Source", url=web.url),
        RedisConnection(name="Store", host=HERE, port=redis_server.port),
        post,
    )


Three = tuple[RestConnection, RedisConnection, SmtpConnection]


def test_it_asks_stores_and_mails(three: Three, web: Web, mail: Mail) -> None:
    given = {**GIVEN, "path": "new", "key": "sync.all", "cc": ["bob@example.com"]}
    assert {"characters": len(DATA), "key": "sync.all"} == called("sync", given, *three)
    assert ["/new"] == [asked.path for asked in web.asked]
    assert DATA == asyncio.run(stored(three[1], "sync.all"))
    [taken] = mail.taken
    assert ["ann@example.com", "bob@example.com"] == taken.recipients
    assert "New data" == taken.message["subject"]
    [attached] = taken.message.iter_attachments()
    assert "my.data.txt" == attached.get_filename()
    assert DATA == attached.get_content().replace("\r\n", "\n")


def test_what_cannot_be_fetched_is_neither_stored_nor_mailed(
    three: Three, web: Web, mail: Mail
) -> None:
    web.answer = Answer(status=503)
    with pytest.raises(ConnectionFailed):
        called("sync", {**GIVEN, "key": "sync.none"}, *three)
    assert asyncio.run(stored(three[1], "sync.none")) is None
    assert [] == mail.taken


def test_a_connection_that_is_not_there_is_named(three: Three) -> None:
    with pytest.raises(UnknownConnection, match=r'"Sourse".*Did you mean "Source"'):
        called("sync", {**GIVEN, "source": "Sourse"}, *three)


def test_a_missing_recipient_reaches_nothing(three: Three, web: Web) -> None:
    with pytest.raises(Fatal, match="`to`"):
        called("sync", {key: GIVEN[key] for key in GIVEN if key != "to"}, *three)
    assert 0 == len(web.asked)
