"""Inputs as they are kept: those of a private job behind a salt, all others as they came.

This stands before deciding, wherever a definition or a run's own input comes in, so the rules see
an input in its final form. A salt is random, so the same input given twice would look like two: it
is compared with the one that stands, and that one is used again.
"""

from collections.abc import Callable, Mapping

from msgspec.structs import replace

from scheduler.model.content import Contents, Payload, payload_of, text_of
from scheduler.model.errors import BadInput
from scheduler.model.jobs import Definition
from scheduler.model.limits import INPUT_BYTES_MAX, SALT_BYTES

Content = Callable[[str], bytes | None]  # digest -> bytes, None when they are not there
NewSalt = Callable[[], bytes]  # SALT_BYTES that nobody can guess


def kept_input(
    given: Payload,
    contents: Mapping[str, bytes],
    *,
    is_private: bool,
    standing: Payload | None,
    content: Content,
    new_salt: NewSalt,
) -> tuple[Payload, Contents]:
    """Return an input as it is kept, and the content to be written with it.

    `standing` is the input the job has now; it passes as it is. What is named by digest alone is
    written again, so that it stays for as long as it is named.
    Raises: BadInput, when the log does not hold what is named, or it is too large for an input.
    """
    if given == standing and given.salted == is_private:
        return given, {}
    raw = None
    if given.digest is not None:
        raw = contents[given.digest] if given.digest in contents else content(given.digest)
        if raw is None:
            raise BadInput.at(
                "$.input", f"the log holds no content {given.digest}.", "Send the input itself"
            )
        if len(raw) > INPUT_BYTES_MAX + SALT_BYTES:
            raise BadInput.at("$.input", f"has {len(raw):,} bytes; at most {INPUT_BYTES_MAX:,}.")
    text = text_of(given, raw)
    if text is None or given.salted == is_private:
        return given, {} if raw is None or given.digest is None else {given.digest: raw}
    if not is_private:
        return payload_of(text, kind=given.kind)
    if standing is not None and is_same(standing, given.kind, text, content):
        return standing, {}
    return payload_of(text, kind=given.kind, salt=new_salt())


def kept_definition(
    definition: Definition,
    contents: Contents,
    *,
    standing: Definition | None,
    content: Content,
    new_salt: NewSalt,
) -> tuple[Definition, Contents]:
    """Return a definition with its input as it is kept; `standing` is what the job is now."""
    if definition.input is None:
        return definition, contents
    kept, to_write = kept_input(
        definition.input,
        contents,
        is_private=definition.private,
        standing=None if standing is None else standing.input,
        content=content,
        new_salt=new_salt,
    )
    return replace(definition, input=kept), to_write


def is_same(standing: Payload, kind: str, text: str, content: Content) -> bool:
    """Return whether a private input that stands already is this text."""
    if not standing.salted or standing.digest is None or standing.kind != kind:
        return False
    return text_of(standing, content(standing.digest)) == text
