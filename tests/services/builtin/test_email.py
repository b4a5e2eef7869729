import pytest

import services.builtin.email  # noqa: F401  # it registers
from services.connections.errors import ConnectionFailed
from services.connections.kinds import SmtpConnection
from services.outcomes import Fatal
from tests.servers import HERE, Mail
from tests.services.builtin.making import called


@pytest.fixture
def post(mail: Mail) -> SmtpConnection:
    return SmtpConnection(
        name="Post", host=HERE, port=mail.port, security="plain", sender="jobs@example.com"
    )


def test_a_mail_reaches_everyone_with_its_attachments(post: SmtpConnection, mail: Mail) -> None:
    given = {
        "smtp": "Post",
        "to": ["ann@example.com"],
        "cc": "bob@example.com",
        "bcc": "eve@example.com",
        "subject": "Größe",
        "body": "See below",
        "attach": {"a.txt": "one", "b.txt": "two"},
    }
    assert called("email.send", given, post) is None
    [taken] = mail.taken
    everyone = ["ann@example.com", "bob@example.com", "eve@example.com"]
    assert everyone == sorted(taken.recipients)
    assert "Größe" == taken.message["subject"]
    assert taken.message["bcc"] is None
    attached = {one.get_filename(): one.get_content() for one in taken.message.iter_attachments()}
    assert {"a.txt": "one", "b.txt": "two"} == {name: attached[name].strip() for name in attached}


def test_a_refused_recipient_fails_it(post: SmtpConnection, mail: Mail) -> None:
    mail.refused["ann@example.com"] = "550 nobody here"
    with pytest.raises((ConnectionFailed, Fatal), match=r"ann@example\.com"):
        called("email.send", {"smtp": "Post", "to": "ann@example.com"}, post)


def test_a_mail_without_recipient_is_refused_by_name(post: SmtpConnection, mail: Mail) -> None:
    with pytest.raises(Fatal, match="`to`"):
        called("email.send", {"smtp": "Post"}, post)
    assert [] == mail.taken
