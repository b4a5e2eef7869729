"""An input is kept as its job is: behind a salt when private, and used again when it stands."""

from collections.abc import Mapping

import pytest
from msgspec.structs import replace

from scheduler.model.content import Contents, Payload, digest_of, payload_of
from scheduler.model.errors import BadInput
from scheduler.model.jobs import Definition
from scheduler.model.limits import INLINE_BYTES_MAX, INPUT_BYTES_MAX, SALT_BYTES
from scheduler.model.private import is_same, kept_definition, kept_input
from scheduler.model.schedules import Manual

OLD_SALT, NEW_SALT = b"fedcba9876543210", b"0123456789abcdef"
SALTED, SALTED_CONTENTS = payload_of("hush", salt=OLD_SALT)
LARGE, LARGE_CONTENTS = payload_of("x" * (INLINE_BYTES_MAX + 1))
LOG = {**SALTED_CONTENTS, **LARGE_CONTENTS}


def kept(
    given: Payload,
    contents: Contents | None = None,
    *,
    is_private: bool = False,
    standing: Payload | None = None,
    log: Mapping[str, bytes] = LOG,
) -> tuple[Payload, Contents]:
    return kept_input(
        given,
        contents or {},
        is_private=is_private,
        standing=standing,
        content=log.get,
        new_salt=lambda: NEW_SALT,
    )


def test_an_open_input_is_kept_as_it_came() -> None:
    assert (Payload(text="x"), {}) == kept(Payload(text="x"))
    assert (LARGE, LARGE_CONTENTS) == kept(LARGE, LARGE_CONTENTS, log={})


def test_an_input_named_by_its_digest_is_written_again() -> None:
    assert (LARGE, LARGE_CONTENTS) == kept(LARGE)
    assert (SALTED, SALTED_CONTENTS) == kept(SALTED, is_private=True)


def test_an_input_that_nobody_holds_is_refused() -> None:
    with pytest.raises(BadInput, match=r"the log holds no content .* Send the input itself"):
        kept(LARGE, log={})


def test_an_input_that_stands_already_passes_even_when_its_bytes_are_gone() -> None:
    assert (LARGE, {}) == kept(LARGE, standing=LARGE, log={})
    assert (SALTED, {}) == kept(SALTED, is_private=True, standing=SALTED, log={})


def test_a_content_too_large_for_an_input_is_refused() -> None:
    most = bytes(INPUT_BYTES_MAX + SALT_BYTES)
    for content, passes in ((most, True), (most + b"x", False)):
        given = Payload(digest=digest_of(content), size=1)
        if passes:
            assert (given, {digest_of(content): content}) == kept(
                given, log={digest_of(content): content}
            )
        else:
            with pytest.raises(BadInput, match="at most 524,288"):
                kept(given, log={digest_of(content): content})


@pytest.mark.parametrize("given", [Payload(text="x"), Payload(kind="json", text="{}"), LARGE])
def test_a_private_input_is_kept_behind_a_new_salt(given: Payload) -> None:
    text = given.text if given.text is not None else "x" * (INLINE_BYTES_MAX + 1)
    expected = payload_of(text, kind=given.kind, salt=NEW_SALT)
    assert expected == kept(given, is_private=True)
    assert expected == kept(given, is_private=True, standing=SALTED)


def test_a_private_input_given_again_is_the_one_that_stands() -> None:
    assert (SALTED, {}) == kept(Payload(text="hush"), is_private=True, standing=SALTED)


def test_a_private_input_whose_bytes_are_gone_cannot_be_compared() -> None:
    found, _ = kept(Payload(text="hush"), is_private=True, standing=SALTED, log={})
    assert SALTED != found


def test_an_input_that_becomes_private_gets_its_salt_and_one_that_does_not_loses_it() -> None:
    plain = Payload(text="x")
    assert payload_of("x", salt=NEW_SALT) == kept(plain, is_private=True, standing=plain)
    assert (Payload(text="hush"), {}) == kept(SALTED, standing=SALTED)


@pytest.mark.parametrize(
    ("standing", "kind", "text", "expected"),
    [
        (SALTED, "text", "hush", True),
        (SALTED, "text", "hush!", False),
        (SALTED, "json", "hush", False),
        (replace(SALTED, salted=False), "text", "hush", False),
        (Payload(text="hush"), "text", "hush", False),
    ],
)
def test_two_private_inputs_are_the_same_when_kind_and_text_are(
    standing: Payload, kind: str, text: str, *, expected: bool
) -> None:
    assert expected == is_same(standing, kind, text, LOG.get)


def test_a_definition_without_an_input_has_nothing_to_keep() -> None:
    definition = Definition(name="a", service="b", schedule=Manual(), private=True)
    contents: Contents = {}
    found = kept_definition(
        definition, contents, standing=None, content=LOG.get, new_salt=lambda: NEW_SALT
    )
    assert (definition, {}) == found


def test_a_definition_keeps_its_input_as_the_job_is() -> None:
    before = Definition(name="a", service="b", schedule=Manual(), private=True, input=SALTED)
    given = replace(before, input=Payload(text="hush"), description="edited")
    found = kept_definition(given, {}, standing=before, content=LOG.get, new_salt=lambda: NEW_SALT)
    assert (replace(given, input=SALTED), {}) == found
