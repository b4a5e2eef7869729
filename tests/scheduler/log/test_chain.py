"""The form of the chain is frozen; whatever changes in a row changes its hash."""

import hashlib

import pytest

from scheduler.log.chain import FIRST, link
from scheduler.log.codec import Columns

CREATED: Columns = (
    1,
    "system",
    1,
    "log-created",
    1,
    1_772_366_400_000_000_000,
    b'{"type":"log-created","identity":"c0ffee","horolog":"1.0.0"}',
    b'{"actor":"uid 1000 (ben)"}',
    None,
)
DEFINED: Columns = (2, "job/é", 1, "job-paused", 1, 1_772_366_400_000_000_001, b"{}", None, "k1")


def test_the_first_link_follows_32_zero_bytes() -> None:
    assert bytes(32) == FIRST


def test_the_chain_has_the_form_it_always_had() -> None:
    """Frozen: were these to change, every log in the world would look damaged."""
    first = link(FIRST, CREATED)
    second = link(first, DEFINED)
    assert "c6828f25c11bbc59e938595c1ced18939c1b5e25644ef54c3e35dcfaaf8260d0" == first.hex()
    assert "caf0dcffa70ee145c7333447b3bd0419246e84bfa5ee9dc984e0df99b00dc1f2" == second.hex()


def test_a_column_is_its_kind_its_length_and_its_bytes() -> None:
    """The form spelled out, apart from the code: 0 null, 1 integer, 2 text, 3 bytes."""

    def integer(value: int) -> bytes:
        return b"\x01" + b"\x00\x00\x00\x08" + value.to_bytes(8, "big", signed=True)

    def text(value: str) -> bytes:
        return b"\x02" + len(value.encode()).to_bytes(4, "big") + value.encode()

    def blob(value: bytes) -> bytes:
        return b"\x03" + len(value).to_bytes(4, "big") + value

    spelled = (
        bytes(range(32)),
        integer(2),
        text("job/é"),
        integer(1),
        text("job-paused"),
        integer(1),
        integer(1_772_366_400_000_000_001),
        blob(b"{}"),
        b"\x00",
        text("k1"),
    )
    assert hashlib.sha256(b"".join(spelled)).digest() == link(bytes(range(32)), DEFINED)


@pytest.mark.parametrize("place", range(9))
def test_each_column_is_part_of_the_hash(place: int) -> None:
    other: list[object] = list(DEFINED)
    changed = {int: 77, str: "other", bytes: b"other", type(None): b""}[type(other[place])]
    other[place] = changed
    assert link(FIRST, DEFINED) != link(FIRST, tuple(other))  # type: ignore[arg-type]  # one differs


def test_the_hash_before_is_part_of_the_hash() -> None:
    assert link(FIRST, DEFINED) != link(bytes(31) + b"\x01", DEFINED)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ((b"ab", b"c", None), (b"a", b"bc", None)),
        ((b"a", None, "b"), (b"a", b"b", None)),
        ((b"a", b"", None), (b"a", None, None)),
        ((b"a", None, ""), (b"a", None, None)),
    ],
)
def test_nothing_moves_from_one_column_into_the_next(
    left: tuple[bytes, bytes | None, str | None], right: tuple[bytes, bytes | None, str | None]
) -> None:
    def linked(body: bytes, meta: bytes | None, key: str | None) -> bytes:
        return link(FIRST, (1, "s", 1, "t", 1, 0, body, meta, key))

    assert linked(*left) != linked(*right)
