"""One mail as it is sent: who it is for, and its bytes.

Addresses and headers come from wherever a service had them, so nothing that could begin a new
header, or a new recipient, passes. Texts stay what they are, byte for byte: attachments go in
base64, since mail would otherwise change their line ends.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from email.errors import NonASCIILocalPartDefect, ObsoleteHeaderDefect
from email.headerregistry import Address, HeaderRegistry
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from email.utils import format_datetime
from mimetypes import MimeTypes

from msgspec import Struct

from scheduler.model.json_values import shown, text_problem
from scheduler.model.limits import MAIL_BYTES_MAX, RECIPIENTS_MAX

Addresses = str | Sequence[str]
Attachments = Mapping[str, str | bytes]

# Line ends, in any of the ways a program may read one, and what else no header can hold.
_UNFIT = re.compile("[\\x00-\\x08\\x0a-\\x1f\\x7f-\\x9f\\u2028\\u2029\\ud800-\\udfff]")
_TYPES = MimeTypes()  # as Python knows them, whatever this machine's files say
_PACKED = {"gzip": "application/gzip", "bzip2": "application/x-bzip2", "xz": "application/x-xz"}
_UNKNOWN = "application/octet-stream"
_ADDRESS = re.compile(r'[^\s@<>"(),:;\\\[\]]+@[^\s@<>"(),:;\\\[\]]+')
_DIGEST_CHARS = 32  # of a Message-ID; a longer one would be folded
_header_of = HeaderRegistry()
_TOLERATED = (NonASCIILocalPartDefect, ObsoleteHeaderDefect)  # a dot in a name without quotes


class BadMail(ValueError):
    """This cannot be sent as a mail, whoever tries."""


class Mail(Struct, frozen=True, kw_only=True):
    """A mail and its envelope."""

    sender: str
    recipients: tuple[str, ...]  # each once, in their order
    content: bytes
    is_international: bool  # an address is not ASCII, so the server must know SMTPUTF8


def mail(
    *,
    sender: str,
    to: Addresses,
    cc: Addresses = (),
    bcc: Addresses = (),
    subject: str = "",
    body: str = "",
    html: str | None = None,
    attach: Attachments | None = None,
    key: str | None = None,
    sent_at: datetime | None = None,
) -> Mail:
    """Return the mail that says this. `bcc` stands on the envelope alone.

    Its Message-ID follows from `key` and what it says, so a mail that is sent again is the same.
    Raises: BadMail, naming the part that cannot be sent.
    """
    named = {
        "From": _addresses("sender", sender),
        "To": _addresses("to", to),
        "Cc": _addresses("cc", cc),
    }
    hidden = _addresses("bcc", bcc)
    if len(named["From"]) != 1:
        raise BadMail("sender: there must be one address")
    envelope = dict.fromkeys(_spec(one) for one in (*named["To"], *named["Cc"], *hidden))
    if not envelope:
        raise BadMail("to: there is nobody to send this to")
    if len(envelope) > RECIPIENTS_MAX:
        raise BadMail(f"to: there are {len(envelope):,} recipients; at most {RECIPIENTS_MAX:,}")
    origin = _spec(named["From"][0])
    is_international = not all(address.isascii() for address in (origin, *envelope))
    # In 7 bits, since not every server takes more.
    message = EmailMessage((SMTPUTF8 if is_international else SMTP).clone(cte_type="7bit"))
    for header, addresses in named.items():
        if addresses:
            message[header] = addresses
    if _fit("subject", subject):
        message["Subject"] = subject
    if sent_at is not None:
        message["Date"] = format_datetime(sent_at)
    if key is not None or sent_at is not None:
        what = repr((key or sent_at, origin, *envelope, subject, body, html, attach))
        message["Message-ID"] = _message_id(what, origin)
    _fill(message, body, html, attach or {})
    content = message.as_bytes()
    if len(content) > MAIL_BYTES_MAX:
        raise BadMail(f"the mail has {len(content):,} bytes; at most {MAIL_BYTES_MAX:,}")
    return Mail(
        sender=origin,
        recipients=tuple(envelope),
        content=content,
        is_international=is_international,
    )


def _fit(part: str, text: str) -> str:
    """Return the text unless a header cannot hold it."""
    found = _UNFIT.search(text)
    if found is not None:
        raise BadMail(f"{part}: U+{ord(found[0]):04X} cannot stand in the header of a mail")
    return text


def _addresses(part: str, given: Addresses) -> list[Address]:
    """Return what was given as one text or several, each with one address or several in it."""
    found: list[Address] = []
    for text in [given] if isinstance(given, str) else given:
        addresses = _parsed(_fit(part, text))
        if not addresses or not all(_ADDRESS.fullmatch(_spec(one)) for one in addresses):
            raise BadMail(f"{part}: {shown(text)} is no address for mail")
        found += addresses
    return found


def _parsed(text: str) -> tuple[Address, ...]:
    """Return the addresses in a text, none when it is not made of addresses."""
    try:
        header = _header_of("To", text)
    except Exception:  # noqa: BLE001  # Python's parser stumbles over some texts in its own ways
        return ()
    if any(not isinstance(defect, _TOLERATED) for defect in header.defects):
        return ()
    addresses: tuple[Address, ...] = getattr(header, "addresses", ())
    return addresses


def _spec(address: Address) -> str:
    """Return an address without the name before it."""
    return f"{address.username}@{address.domain}"


def _message_id(what: str, origin: str) -> str:
    digest = hashlib.sha256(what.encode("utf-8", "backslashreplace")).hexdigest()[:_DIGEST_CHARS]
    domain = origin.partition("@")[2]
    return f"<{digest}@{domain if domain.isascii() else 'horolog.invalid'}>"


def _fill(message: EmailMessage, body: str, html: str | None, attach: Attachments) -> None:
    """Put text, its form in HTML and attachments into the mail."""
    message.set_content(_kept("body", body))
    if html is not None:
        message.add_alternative(_kept("html", html), subtype="html")
    for name, content in attach.items():
        _attach(message, _fit("attach", name), content)


def _kept(part: str, text: str) -> str:
    why = text_problem(text)
    if why is not None:
        raise BadMail(f"{part}: the text {why}")
    return text


def _attach(message: EmailMessage, name: str, content: str | bytes) -> None:
    is_text = isinstance(content, str)
    encoded = _kept("attach", content).encode() if isinstance(content, str) else content
    maintype, _, subtype = _type_of(name, is_text=is_text).partition("/")
    parameters = {"charset": "utf-8"} if maintype == "text" and _is_utf8(encoded) else {}
    message.add_attachment(
        encoded, maintype=maintype, subtype=subtype, filename=name, params=parameters
    )


def _type_of(name: str, *, is_text: bool) -> str:
    """Return the media type that a file of this name has."""
    found, packed = _TYPES.guess_type(name)
    if packed is not None:
        return _PACKED.get(packed, _UNKNOWN)
    return found or ("text/plain" if is_text else _UNKNOWN)


def _is_utf8(content: bytes) -> bool:
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True
