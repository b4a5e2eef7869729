"""A content is named by its digest; a private one stands behind bytes that nobody can guess."""

import pytest

from scheduler.model.content import DIGEST_SHAPE, Payload, digest_of, payload_of, salt_of, text_of
from scheduler.model.limits import HEAD_CHARS, INLINE_BYTES_MAX, SALT_BYTES

SALT = b"0123456789abcdef"


def test_a_small_text_stands_inline_and_a_large_one_is_content() -> None:
    small = "x" * INLINE_BYTES_MAX
    assert (Payload(text=small), {}) == payload_of(small)
    large = small + "x"
    digest = digest_of(large.encode())
    named = Payload(digest=digest, size=INLINE_BYTES_MAX + 1, head="x" * HEAD_CHARS)
    assert (named, {digest: large.encode()}) == payload_of(large)


@pytest.mark.parametrize("text", ["", "x", "ż" * INLINE_BYTES_MAX])
def test_a_private_text_is_content_at_any_size_and_shows_nothing_but_its_size(text: str) -> None:
    payload, contents = payload_of(text, kind="json", salt=SALT)
    salted = SALT + text.encode()
    assert {digest_of(salted): salted} == contents
    expected = Payload(kind="json", digest=digest_of(salted), size=len(text.encode()), salted=True)
    assert expected == payload


def test_the_same_private_text_behind_another_salt_has_another_digest() -> None:
    one, _ = payload_of("yes", salt=SALT)
    other, _ = payload_of("yes", salt=SALT[::-1])
    assert one.digest != other.digest
    assert digest_of(b"yes") not in {one.digest, other.digest}


@pytest.mark.parametrize("salt", [b"", SALT])
@pytest.mark.parametrize("text", ["", "x", "ż" * INLINE_BYTES_MAX])
def test_a_text_is_read_back_from_its_payload_and_content(text: str, salt: bytes) -> None:
    payload, contents = payload_of(text, salt=salt)
    assert text == text_of(payload, contents.get(payload.digest or ""))


def test_a_text_whose_bytes_are_gone_cannot_be_read() -> None:
    payload, _ = payload_of("x", salt=SALT)
    assert text_of(payload, None) is None


def test_bytes_that_are_no_text_are_shown_as_such() -> None:
    assert "a\ufffd" == text_of(Payload(digest="0" * 64), b"a\xff")


def test_each_content_of_one_seed_has_a_salt_of_its_own() -> None:
    salts = {salt_of(SALT, what) for what in ("result", "traceback", "step fetch")}
    assert 3 == len(salts)
    assert {SALT_BYTES} == set(map(len, salts))
    assert SALT not in salts
    assert salt_of(SALT, "result") in salts


def test_without_a_seed_there_is_no_salt() -> None:
    assert b"" == salt_of(b"", "result")


@pytest.mark.parametrize(
    ("text", "is_digest"),
    [
        ("a" * 64, True),
        (digest_of(b""), True),
        ("a" * 63, False),
        ("A" * 64, False),
        ("g" * 64, False),
        ("a" * 64 + "\n", False),
    ],
)
def test_a_digest_is_64_hex_digits(text: str, *, is_digest: bool) -> None:
    assert is_digest == (DIGEST_SHAPE.fullmatch(text) is not None)
