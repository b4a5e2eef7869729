"""Reading a ready-made service's input into its record; what is wrong is named, not retried."""

from typing import TypeVar, get_type_hints

import msgspec

from scheduler.model.nearness import nearest
from services.context import Context
from services.outcomes import Fatal

Input = TypeVar("Input", bound=msgspec.Struct)


def read(ctx: Context, shape: type[Input]) -> Input:
    """Return the run's input as a record of this shape.

    Raises: Fatal, naming the field and the reason.
    """
    given = ctx.data
    if not isinstance(given, dict):
        fields = ", ".join(get_type_hints(shape))
        raise Fatal(f"$.input: wants a table with {fields}, not {kind_of(given, ctx.input)}")
    known = list(get_type_hints(shape))
    for key in given:
        if key not in known:
            close = nearest(key, known)
            hint = f'Did you mean "{close}"?' if close else f"Known: {', '.join(known)}"
            raise Fatal(f'$.input: there is no field "{key}". {hint}')
    try:
        return msgspec.convert(given, shape, strict=False)
    except msgspec.ValidationError as error:
        raise Fatal(f"$.input: {error}") from None


def kind_of(value: object, text: str | None) -> str:
    """Return what an input is that was read as `value`, as people say it."""
    if text is None:
        return "no input"
    match value:
        case list():
            return "a list"
        case None if text.strip() == "null":
            return "null"
        case None | str():
            return "a text"
        case bool():
            return "true or false"
        case _:
            return "a number"
