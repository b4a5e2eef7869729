"""`email.send`: one mail, with the attachments as texts."""

import msgspec

from services.builtin.inputs import read
from services.context import Context
from services.registry import service


class Email(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A mail; any refused recipient fails it."""

    smtp: str  # a mail connection
    to: str | list[str]
    cc: str | list[str] = []
    bcc: str | list[str] = []
    subject: str = ""
    body: str = ""
    attach: dict[str, str] = {}  # file name -> text


@service("email.send")
async def send(ctx: Context) -> None:
    """Send a mail."""
    mail = read(ctx, Email)
    await ctx.smtp[mail.smtp].send(
        to=mail.to,
        cc=mail.cc,
        bcc=mail.bcc,
        subject=mail.subject,
        body=mail.body,
        attach=mail.attach,
    )
