"""An input is kept as it was given: text, any JSON value, inline or by digest."""

import pytest

from scheduler.model.content import Payload, digest_of, payload_of
from scheduler.model.errors import BadInput
from scheduler.model.limits import INLINE_BYTES_MAX, INPUT_BYTES_MAX
from scheduler.model.plain_inputs import read_input, write_input


@pytest.mark.parametrize(
    ("value", "payload"),
    [
        ("day=monday", Payload(text="day=monday")),
        ("", Payload(text="")),
        ('{"a": 1}', Payload(text='{"a": 1}')),
        ({"a": [1, None]}, Payload(kind="json", text='{"a":[1,null]}')),
        ([1, 2.5], Payload(kind="json", text="[1,2.5]")),
        (3, Payload(kind="json", text="3")),
        (False, Payload(kind="json", text="false")),
        ({}, Payload(kind="json", text="{}")),
        ({"$json": "text"}, Payload(kind="json", text='"text"')),
        ({"$json": None}, Payload(kind="json", text="null")),
        ({"$json": 1, "b": 2}, Payload(kind="json", text='{"$json":1,"b":2}')),
        (2**70, Payload(kind="json", text="1180591620717411303424")),
    ],
)
def test_a_small_input_stands_inline_and_comes_back_the_same(
    value: object, payload: Payload
) -> None:
    assert (payload, {}) == read_input(value, "$.input")
    assert (payload, {}) == read_input(write_input(payload), "$.input")


def test_a_json_value_that_looks_like_one_of_our_forms_comes_back_the_same() -> None:
    payload, _ = read_input({"$json": {"$json": 1}}, "$.input")
    assert Payload(kind="json", text='{"$json":1}') == payload
    assert {"$json": {"$json": 1}} == write_input(payload)


def test_a_large_input_is_content_and_is_written_whole_when_its_bytes_are_there() -> None:
    value = "ż" * INLINE_BYTES_MAX
    payload, contents = read_input(value, "$.input")
    assert {digest_of(value.encode()): value.encode()} == contents
    assert value == write_input(payload, contents.get)


def test_content_whose_bytes_are_elsewhere_is_written_by_its_digest_and_read_back() -> None:
    payload, _ = read_input("x" * 5_000, "$.input")
    assert {"$content"} == set(write_input(payload))  # type: ignore[call-overload]  # it is a dict
    assert (payload, {}) == read_input(write_input(payload), "$.input")


def test_a_private_input_whose_bytes_are_at_hand_is_written_without_its_salt() -> None:
    payload, contents = payload_of("[1]", kind="json", salt=b"0123456789abcdef")
    assert [1] == write_input(payload, contents.get)
    assert (payload, {}) == read_input(write_input(payload), "$.input")


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("x\0y", "$.input: the text holds a NUL character."),
        ("\ud800", "$.input: the text is not valid Unicode"),
        ({"a": float("nan")}, "$.input.a: nan is no number that can be kept."),
        ({"a": {"b": ["\0"]}}, "$.input.a.b[0]: the text holds a NUL character."),
        ({"a": object}, "$.input.a: a type is no JSON value."),
        ("x" * (INPUT_BYTES_MAX + 1), "$.input: has 524,289 bytes; at most 524,288."),
        ({"$content": 5}, "$.input.$content: names no content: "),
        ({"$content": {"kind": "text"}}, "$.input.$content: names no content: a digest"),
        ({"$content": {"digest": "x", "sise": 1}}, "$.input.$content: names no content: "),
        ({"$content": {"digest": "x"}}, "$.input.$content: names no content: a digest"),
    ],
)
def test_what_cannot_be_kept_is_refused_where_it_stands(value: object, told: str) -> None:
    with pytest.raises(BadInput) as refused:
        read_input(value, "$.input")
    assert str(refused.value).startswith(told)


def test_an_input_of_the_largest_size_is_taken() -> None:
    payload, _ = read_input("x" * INPUT_BYTES_MAX, "$.input")
    assert INPUT_BYTES_MAX == payload.size
