"""`sync`: ask a REST endpoint for data, store the text in Redis, mail it as an attachment.

The three are steps: a retry repeats none that is done.
"""

import msgspec

from services.builtin.inputs import read
from services.context import Context
from services.registry import service


class Sync(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to take, where to keep it, and whom to tell."""

    source: str  # a REST connection
    redis: str  # a Redis connection
    smtp: str  # a mail connection
    to: str | list[str]
    path: str = ""  # below the source's address
    key: str = "newest.data"
    cc: str | list[str] = []
    subject: str = "New data"
    body: str = "Check attached data"
    filename: str = "my.data.txt"


@service("sync")
async def sync(ctx: Context) -> dict[str, object]:
    """Ask a REST endpoint for data, store it in Redis and mail it as an attachment."""
    wanted = read(ctx, Sync)
    text = await ctx.step("fetch", lambda: ctx.rest[wanted.source].get_text(wanted.path))
    await ctx.step("store", lambda: _store(ctx, wanted, text))
    await ctx.step("mail", lambda: _mail(ctx, wanted, text))
    return {"characters": len(text), "key": wanted.key}


async def _store(ctx: Context, wanted: Sync, text: str) -> None:
    await ctx.redis[wanted.redis].set(wanted.key, text)


async def _mail(ctx: Context, wanted: Sync, text: str) -> None:
    await ctx.smtp[wanted.smtp].send(
        to=wanted.to,
        cc=wanted.cc,
        subject=wanted.subject,
        body=wanted.body,
        attach={wanted.filename: text},
    )
