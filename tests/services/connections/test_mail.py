from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.model.limits import MAIL_BYTES_MAX, RECIPIENTS_MAX
from services.connections.mail import BadMail, Mail, mail

AT = datetime(2026, 3, 1, 10, 5, tzinfo=UTC)
# What no header holds: line ends of all sorts, controls, halves of surrogate pairs.
HOSTILE = ["\r", "\n", "\r\nBcc: x@y.z", "\0", "\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u2029"]


def made(**parts: Any) -> Mail:  # noqa: ANN401  # some are wrong on purpose
    return mail(**{"sender": "jobs@example.com", "to": "a@example.com", "sent_at": AT, **parts})


def read(sent: Mail) -> EmailMessage:
    message = message_from_bytes(sent.content, policy=policy.default)
    assert isinstance(message, EmailMessage)
    return message


def text_of(message: EmailMessage) -> str:
    body = message.get_body(("plain",))
    assert body is not None
    return str(body.get_content()).replace("\r\n", "\n")


def attached(sent: Mail) -> dict[str | None, tuple[str, bytes]]:
    found = {}
    for part in read(sent).iter_attachments():
        content = part.get_payload(decode=True)
        assert isinstance(content, bytes)
        found[part.get_filename()] = (part["Content-Type"], content)
    return found


def test_a_mail_says_who_it_is_from_and_for_and_when() -> None:
    sent = made(to="hello@example.com", cc="hello.cc@example.com", subject="New data", body="Look")
    message = read(sent)
    assert ("jobs@example.com", "hello@example.com", "hello.cc@example.com", "New data") == (
        message["From"],
        message["To"],
        message["Cc"],
        message["Subject"],
    )
    assert "Sun, 01 Mar 2026 10:05:00 +0000" == message["Date"]
    assert "Look\n" == text_of(message)
    assert ("jobs@example.com", ("hello@example.com", "hello.cc@example.com")) == (
        sent.sender,
        sent.recipients,
    )


def test_a_hidden_recipient_stands_on_the_envelope_alone() -> None:
    sent = made(bcc=["hidden@example.com"])
    assert ("a@example.com", "hidden@example.com") == sent.recipients
    assert b"hidden" not in sent.content


def test_recipients_may_have_names_and_stand_together_and_count_once() -> None:
    sent = made(to=["Zoë <z@example.com>, b@example.com"], cc=["B <b@example.com>"])
    assert ("z@example.com", "b@example.com") == sent.recipients
    assert "Zoë <z@example.com>, b@example.com" == read(sent)["To"]


@pytest.mark.parametrize(
    "address",
    [
        "",
        "a",
        "a@",
        "@example.com",
        "a b@example.com",
        "a@b@example.com",
        "<a@example.com",
        "a@example.com>, <b@example.com",
        '"a b"@example.com',
        "a@[127.0.0.1]",
        "a@example.com b@example.com",
        "A <a@example.com> B",
        *(f"a{mark}@example.com" for mark in HOSTILE),
        *(f"A{mark} <a@example.com>" for mark in HOSTILE),
        "a\ud800@example.com",
    ],
)
@pytest.mark.parametrize("part", ["to", "cc", "bcc", "sender"])
def test_what_is_no_address_is_refused(part: str, address: str) -> None:
    with pytest.raises(BadMail, match=f"^{part}: "):
        made(**{part: address})


@pytest.mark.parametrize("mark", HOSTILE)
def test_a_header_holds_no_line_end_of_any_kind(mark: str) -> None:
    with pytest.raises(BadMail, match=r"^subject: U\+[0-9A-F]{4} cannot stand"):
        made(subject=f"New{mark}data")
    with pytest.raises(BadMail, match=r"^attach: U"):
        made(attach={f"a{mark}.txt": "x"})


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\u2028\u2029")))
def test_a_subject_arrives_as_it_was(subject: str) -> None:
    sent = made(subject=subject)
    assert " ".join(subject.split()) == " ".join(str(read(sent)["Subject"] or "").split())
    headers = sent.content.partition(b"\r\n\r\n")[0]
    assert all(line[:1].isspace() or b": " in line for line in headers.split(b"\r\n"))


@given(st.text(alphabet='ab@<>",;:()[]\\. \té=?_\r\n\x85', max_size=20))
def test_whatever_is_given_as_an_address_is_sent_to_as_one_or_refused(text: str) -> None:
    try:
        sent = made(to=text)
    except BadMail:
        return
    headers = sent.content.decode().partition("\r\n\r\n")[0].split("\r\n")
    assert all(line[:1].isspace() or ": " in line for line in headers)
    assert all(1 == one.count("@") and not set(one) & set(' "<>,;:\r\n') for one in sent.recipients)


@given(st.text(st.characters(exclude_categories=["Cs"])), st.binary())
def test_an_attachment_arrives_byte_for_byte(text: str, content: bytes) -> None:
    text = text.replace("\0", "")
    arrived = attached(made(attach={"a.txt": text, "b.bin": content}))
    assert [text.encode(), content] == [arrived["a.txt"][1], arrived["b.bin"][1]]


def test_an_attachment_has_the_type_that_its_name_says() -> None:
    arrived = attached(
        made(
            attach={
                "my.data.txt": "ü",
                "a.csv": "a,b",
                "latin.csv": b"\xfc",
                "a.json": "{}",
                "a.pdf": b"%PDF",
                "a.tar.gz": b"\x1f\x8b",
                "unknown": b"\0",
                "text": "text",
                "zażółć.txt": "x",
            }
        )
    )
    assert {
        "my.data.txt": 'text/plain; charset="utf-8"',
        "a.csv": 'text/csv; charset="utf-8"',
        "latin.csv": "text/csv",
        "a.json": "application/json",
        "a.pdf": "application/pdf",
        "a.tar.gz": "application/gzip",
        "unknown": "application/octet-stream",
        "text": 'text/plain; charset="utf-8"',
        "zażółć.txt": 'text/plain; charset="utf-8"',
    } == {name: kind for name, (kind, _) in arrived.items()}


def test_a_mail_may_be_read_in_two_forms() -> None:
    sent = made(body="plain ü", html="<p>ü</p>", attach={"a.txt": "x"})
    message = read(sent)
    html = message.get_body(("html",))
    assert html is not None
    assert ("plain ü\n", "<p>ü</p>") == (text_of(message), html.get_content().strip())
    assert {"a.txt"} == set(attached(sent))


def test_a_mail_is_sent_in_seven_bits_and_whole_lines() -> None:
    sent = made(subject="ü", body=f"ü\nlong {'x' * 5_000}", attach={"a.txt": "ü" * 5_000})
    assert sent.content.isascii()
    assert max(len(line) for line in sent.content.split(b"\r\n")) <= 998
    assert b"\n" not in sent.content.replace(b"\r\n", b"")


def test_an_address_beyond_ascii_needs_a_server_that_takes_it() -> None:
    sent = made(to="zoë@exämple.com")
    assert sent.is_international
    assert ("zoë@exämple.com",) == sent.recipients
    assert not made().is_international


def test_a_mail_that_is_sent_again_under_one_key_is_known_by_its_id() -> None:
    def id_of(**parts: object) -> str:
        return str(read(made(**parts))["Message-ID"])

    later = AT + timedelta(minutes=1)
    first = id_of(key="run/step")
    assert first.endswith("@example.com>")
    assert first == id_of(key="run/step", sent_at=later)
    assert 4 == len(
        {first, id_of(key="run/other"), id_of(key="run/step", subject="x"), id_of(sent_at=later)}
    )
    assert id_of() != id_of(sent_at=later)


def test_a_mail_to_nobody_is_refused() -> None:
    with pytest.raises(BadMail, match="to: there is nobody to send this to"):
        made(to=[])


def test_a_mail_to_too_many_is_refused() -> None:
    many = [f"a{number}@example.com" for number in range(RECIPIENTS_MAX + 1)]
    with pytest.raises(BadMail, match=r"1,001 recipients; at most 1,000"):
        made(to=many)


def test_a_mail_from_two_is_refused() -> None:
    with pytest.raises(BadMail, match="sender: there must be one address"):
        made(sender="a@example.com, b@example.com")


def test_a_mail_that_is_too_large_is_refused() -> None:
    with pytest.raises(BadMail, match="at most 33,554,432"):
        made(attach={"a.bin": bytes(MAIL_BYTES_MAX)})


@pytest.mark.parametrize("part", ["body", "html"])
@pytest.mark.parametrize("text", ["a\0b", "\ud800"])
def test_a_text_that_cannot_be_sent_is_refused(part: str, text: str) -> None:
    with pytest.raises(BadMail, match=f"^{part}: the text "):
        made(**{part: text})
