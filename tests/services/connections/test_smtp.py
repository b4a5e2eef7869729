import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

import pytest

from scheduler.model.errors import BadInput
from services.connections.errors import ConnectionFailed, RecipientsRefused
from services.connections.idempotency import idempotent
from services.connections.mail import BadMail
from services.connections.smtp import Smtp
from tests.servers import CERTIFICATE, HERE, PATIENCE_S, Mail, deaf, free_port
from tests.services.connections.making import NAME, connections, used

TO = "hello@example.com"
CC = "hello.cc@example.com"

Value = TypeVar("Value")


def smtp(port: int, use: Callable[[Smtp], Awaitable[Value]], **settings: object) -> Value:
    table = {"kind": "smtp", "host": "localhost", "port": port, "security": "plain"}
    return used(connections({**table, "sender": "jobs@example.com", **settings}), use)


def refused(port: int, use: Callable[[Smtp], Awaitable[object]], **settings: object) -> str:
    with pytest.raises(ConnectionFailed) as caught:
        smtp(port, use, **settings)
    title = f'smtp "{NAME}" ({settings.get("host", "localhost")}:{port}): '
    told = str(caught.value)
    assert told.startswith(title)
    return told.removeprefix(title)


async def send(client: Smtp) -> None:
    await client.send(to=TO, cc=CC, subject="New data", body="Check", attach={"a.txt": "ü\n"})


def test_a_mail_arrives_as_it_was_sent(mail: Mail) -> None:
    smtp(mail.port, send)
    (taken,) = mail.taken
    assert ("jobs@example.com", [TO, CC]) == (taken.sender, taken.recipients)
    message = taken.message
    assert ("New data", TO, CC) == (message["Subject"], message["To"], message["Cc"])
    assert "Sun, 01 Mar 2026 10:05:00 +0000" == message["Date"]
    (attachment,) = message.iter_attachments()
    assert "ü\n".encode() == attachment.get_payload(decode=True)
    assert "a.txt" == attachment.get_filename()


def test_a_hidden_recipient_gets_it_unseen(mail: Mail) -> None:
    smtp(mail.port, lambda client: client.send(to=TO, bcc="hidden@example.com"))
    (taken,) = mail.taken
    assert [TO, "hidden@example.com"] == taken.recipients
    assert b"hidden" not in taken.raw


def test_lines_that_begin_with_a_dot_arrive(mail: Mail) -> None:
    smtp(mail.port, lambda client: client.send(to=TO, body=".\n..\nend"))
    body = mail.taken[0].message.get_content()
    assert [".", "..", "end"] == body.splitlines()


def test_one_refused_recipient_and_nobody_gets_it(mail: Mail) -> None:
    mail.refused[CC] = "550 5.1.1 no such user"
    with pytest.raises(RecipientsRefused) as caught:
        smtp(mail.port, send)
    assert {CC: "550 5.1.1 no such user"} == caught.value.refused
    assert f"the mail was sent to nobody: the server refuses {CC} (550 5.1.1 no such user)" in str(
        caught.value
    )
    assert [] == mail.taken


def test_all_refused_recipients_are_named(mail: Mail) -> None:
    mail.refused.update({TO: "451 later", CC: "550 never"})
    with pytest.raises(RecipientsRefused) as caught:
        smtp(mail.port, send)
    assert {TO: "451 later", CC: "550 never"} == caught.value.refused


def test_a_server_that_hangs_up_on_a_recipient_still_names_him(mail: Mail) -> None:
    mail.refused[TO] = "421 closing"
    with pytest.raises(RecipientsRefused) as caught:
        smtp(mail.port, send)
    assert {TO: "421 closing"} == caught.value.refused


def test_a_refused_mail_is_told_with_the_servers_words(mail: Mail) -> None:
    mail.answer_to_mail = "554 no spam here"
    assert "refused: 554 no spam here" == refused(mail.port, send)
    mail.answer_to_mail = "451 not now"
    assert "refused: 451 not now" == refused(mail.port, send)


def test_a_server_that_hangs_up_on_the_mail_leaves_in_doubt_whether_it_took_it(mail: Mail) -> None:
    mail.answer_to_mail = ""
    assert refused(mail.port, send).endswith("the server may have taken it all the same")


def test_a_mail_that_is_too_much_for_the_timeout_leaves_the_same_doubt() -> None:
    with speaking(b"220 hi\r\n", b"250 hi\r\n", *[b"250 ok\r\n"] * 3, b"354 go\r\n") as port:
        assert (
            "no answer within 300ms to the mail itself; the server may have taken it all the same"
            == refused(port, send, timeout="300ms")
        )


def test_a_server_that_does_not_say_goodbye_has_taken_the_mail(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("services.connections.smtp.CLOSE_WAIT", timedelta(milliseconds=50))
    answers = [b"220 hi\r\n", b"250 hi\r\n", *[b"250 ok\r\n"] * 3, b"354 go\r\n", b"250 ok\r\n"]
    with speaking(*answers) as port:
        smtp(port, send)


def test_a_port_on_which_nothing_listens_is_told_as_such() -> None:
    told = refused(free_port(), send, host=HERE)
    assert "the connection was refused: nothing listens there" == told


def test_a_server_that_never_says_a_word_is_not_waited_for_longer() -> None:
    with deaf() as port:
        for security in ("plain", "starttls", "tls"):
            told = refused(port, send, timeout="200ms", security=security)
            assert "no answer within 200ms" == told


def test_what_is_no_mail_server_is_told_as_such() -> None:
    with speaking(b"HTTP/1.1 400 Bad Request\r\n\r\n") as port:
        assert "" != refused(port, send, timeout="2s")


# -- encryption and login


@pytest.mark.parametrize("security", ["tls", "starttls"])
def test_an_encrypted_connection_is_logged_in_and_verified(
    security: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PW", "open sesame")
    login = {"security": security, "username": "ali", "password": "env:PW"}
    with Mail(
        tls=security == "tls", starttls=security == "starttls", users={"ali": "open sesame"}
    ) as mail:
        smtp(mail.port, send, ca=str(CERTIFICATE), **login)
        (taken,) = mail.taken
        assert (True, "ali") == (taken.is_encrypted, taken.login)
        told = refused(mail.port, send, **login)
        assert told.startswith("its certificate does not verify: ")
    assert 1 == len(mail.taken)


def test_starttls_is_never_left_out_because_the_server_does_not_offer_it(mail: Mail) -> None:
    assert "STARTTLS extension not supported" in refused(mail.port, send, security="starttls")
    assert [] == mail.taken


def test_a_wrong_password_is_told_as_such_and_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PW", "open barley")
    with Mail(starttls=True, users={"ali": "open sesame"}) as mail:
        told = refused(
            mail.port,
            send,
            security="starttls",
            ca=str(CERTIFICATE),
            username="ali",
            password="env:PW",
        )
    assert told.startswith("not logged in: 535 ")
    assert "barley" not in told


def test_a_password_is_read_again_for_each_mail(tmp_path: Path) -> None:
    file = tmp_path / "pw"
    file.touch(0o600)
    with Mail(starttls=True, users={"ali": "open barley"}) as mail:
        made = connections(
            {
                "kind": "smtp",
                "host": "localhost",
                "port": mail.port,
                "ca": str(CERTIFICATE),
                "username": "ali",
                "password": "file:pw",
                "sender": "jobs@example.com",
            },
            tmp_path,
        )
        file.write_text("open sesame\n")
        with pytest.raises(ConnectionFailed, match="not logged in"):
            used(made, send)
        file.write_text("open barley\n")
        used(made, send)
        file.unlink()
        with pytest.raises(BadInput, match="file:pw cannot be read: No such file"):
            used(made, send)
    assert 1 == len(mail.taken)
    forms = "open sesame open barley AGFsaQBvcGVuIHNlc2FtZQ=="
    assert "open" not in made.secrets.redact(forms)
    assert "AGFsa" not in made.secrets.redact(forms)


# -- what is sent


def test_a_mail_needs_a_sender(mail: Mail) -> None:
    made = connections({"kind": "smtp", "host": HERE, "port": mail.port, "security": "plain"})
    with pytest.raises(BadMail, match="sender: is missing"):
        used(made, send)
    used(made, lambda client: client.send(to=TO, sender="Own <own@example.com>"))
    assert "own@example.com" == mail.taken[0].sender


def test_an_address_beyond_ascii_is_sent_to_where_the_server_takes_it(mail: Mail) -> None:
    smtp(mail.port, lambda client: client.send(to="zoë@example.com"))
    assert ["zoë@example.com"] == mail.taken[0].recipients
    with Mail(smtputf8=False) as old:
        told = refused(old.port, lambda client: client.send(to="zoë@example.com"))
        assert "takes no addresses beyond ASCII" in told


def test_the_id_of_a_mail_follows_from_the_step(mail: Mail) -> None:
    async def twice(client: Smtp) -> None:
        for key in ("run/mail", "run/mail", "run/other"):
            with idempotent(key):
                await send(client)

    smtp(mail.port, twice)
    first, again, other = (taken.message["Message-ID"] for taken in mail.taken)
    assert first == again
    assert first != other


def test_mails_are_sent_side_by_side(mail: Mail) -> None:
    async def many(client: Smtp) -> None:
        await asyncio.gather(*(client.send(to=f"{n}@example.com") for n in range(10)))

    smtp(mail.port, many)
    assert 10 == len(mail.taken)


# -- ping


def test_a_ping_logs_in_and_sends_nothing(mail: Mail) -> None:
    assert f'smtp "{NAME}" (localhost:{mail.port}): answers 250 OK' == smtp(
        mail.port, lambda client: client.ping()
    )
    assert [] == mail.taken


def test_a_ping_that_finds_nobody_fails() -> None:
    assert "nothing listens there" in refused(free_port(), lambda client: client.ping(), host=HERE)


@contextmanager
def speaking(*answers: bytes) -> Iterator[int]:
    """Yield a port that says these, one for each command it hears, and then no more."""
    ended = threading.Event()

    def serve() -> None:
        connection, _ = server.accept()
        with connection, connection.makefile("rb") as heard:
            said = b""
            for answer in answers:
                if said:
                    line = heard.readline()
                    while said.startswith(b"354") and line not in {b".\r\n", b""}:
                        line = heard.readline()
                connection.sendall(answer)
                said = answer
            ended.wait(PATIENCE_S)

    with socket.create_server((HERE, 0)) as server:
        server.settimeout(PATIENCE_S)
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield int(server.getsockname()[1])
        finally:
            ended.set()
            thread.join()
