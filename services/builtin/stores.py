"""`redis.set` and `sql.execute`: one value stored, one statement carried out."""

import msgspec

from services.builtin.inputs import read
from services.context import Context
from services.registry import service

Value = str | int | float | bool | None


class RedisSet(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A key and its value."""

    redis: str  # a Redis connection
    key: str
    value: str | int | float
    expire_s: int | None = None  # seconds


class SqlExecute(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A statement and what is bound to it; values are never written into the text."""

    sql: str  # an SQL connection
    statement: str
    parameters: list[Value] | dict[str, Value] = []


@service("redis.set")
async def redis_set(ctx: Context) -> None:
    """Store a value in Redis."""
    wanted = read(ctx, RedisSet)
    await ctx.redis[wanted.redis].set(wanted.key, wanted.value, ex=wanted.expire_s)


@service("sql.execute")
async def sql_execute(ctx: Context) -> dict[str, int]:
    """Carry out an SQL statement; the result says how many rows it changed."""
    wanted = read(ctx, SqlExecute)
    changed = await ctx.sql[wanted.sql].execute(wanted.statement, wanted.parameters or None)
    return {"rows": changed}
