"""The page about the ready-made services is held against what they read."""

import re
from pathlib import Path

import msgspec
import pytest

from services.builtin.command import Command, Shell
from services.builtin.email import Email
from services.builtin.http import Request
from services.builtin.stores import RedisSet, SqlExecute
from services.builtin.sync import Sync
from services.registry import DEFAULT, READY_MADE

PAGE = Path(__file__).parents[3] / "docs" / "services.md"
SHAPES: dict[str, type[msgspec.Struct]] = {
    "sync": Sync,
    "http.request": Request,
    "email.send": Email,
    "redis.set": RedisSet,
    "sql.execute": SqlExecute,
    "command.run": Command,
    "shell.run": Shell,
}
ROW = re.compile(r"\| `([a-z.]+)` \| `([a-z_]+)` \| ([^|]+) \| ([^|]+) \| [^|]+ \|")


def default_of(field: msgspec.inspect.Field) -> str:
    """Return a default as the page writes it."""
    if field.required:
        return "required"
    if field.default_factory is not msgspec.NODEFAULT:
        return "none"
    if field.default is None or field.default == "":
        return "none"
    return f"`{field.default:g}`" if isinstance(field.default, float) else f"`{field.default}`"


def kind_of(kind: msgspec.inspect.Type) -> str:
    """Return a type as the page writes it."""
    match kind:
        case msgspec.inspect.UnionType(types=types):
            others = [one for one in types if not isinstance(one, msgspec.inspect.NoneType)]
            return " or ".join(kind_of(one) for one in others)
        case msgspec.inspect.ListType(item_type=item):
            return f"list of ({kind_of(item)})" if is_union(item) else f"list of {kind_of(item)}"
        case msgspec.inspect.DictType(value_type=value):
            return (
                f"table of ({kind_of(value)})" if is_union(value) else f"table of {kind_of(value)}"
            )
        case msgspec.inspect.AnyType():
            return "any JSON"
        case msgspec.inspect.StrType():
            return "text"
        case msgspec.inspect.IntType():
            return "integer"
        case msgspec.inspect.FloatType():
            return "number"
        case msgspec.inspect.BoolType():
            return "true or false"
        case _:
            raise AssertionError(kind)


def is_union(kind: msgspec.inspect.Type) -> bool:
    return isinstance(kind, msgspec.inspect.UnionType)


@pytest.mark.parametrize("service", SHAPES)
def test_the_table_names_every_field_with_kind_and_default(service: str) -> None:
    info = msgspec.inspect.type_info(SHAPES[service])
    assert isinstance(info, msgspec.inspect.StructType)
    expected = [(one.name, kind_of(one.type), default_of(one)) for one in info.fields]
    written = [row[1:] for row in ROW.findall(PAGE.read_text("utf-8")) if row[0] == service]
    assert expected == [(name, kind.strip(), default.strip()) for name, kind, default in written]


def test_the_table_names_every_service_and_no_other() -> None:
    ready_made = {one.name for one in DEFAULT if one.module.startswith(READY_MADE)}
    written = {row[0] for row in ROW.findall(PAGE.read_text("utf-8"))}
    assert ready_made == written == set(SHAPES)
