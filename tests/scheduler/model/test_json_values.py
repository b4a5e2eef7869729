"""JSON from outside is strict: what two parsers could read differently is refused, by its path."""

import pytest

from scheduler.model.errors import BadInput, Problem
from scheduler.model.json_values import path_key, read_json, refuse_strange, shown
from scheduler.model.limits import JSON_DEPTH_MAX, JSON_NUMBER_CHARS_MAX


def refusal(raw: bytes) -> str:
    with pytest.raises(BadInput) as refused:
        read_json(raw)
    return str(refused.value)


def test_plain_json_is_read() -> None:
    assert {"a": [1, 2.5, None, True, "ż"]} == read_json(
        '{"a": [1, 2.5, null, true, "ż"]}'.encode()
    )


def test_a_key_that_stands_twice_is_refused() -> None:
    assert '$: the key "a" stands twice in one object.' == refusal(b'{"a": 1, "a": 1}')


@pytest.mark.parametrize("word", [b"NaN", b"Infinity", b"-Infinity"])
def test_what_is_no_number_in_json_is_refused(word: bytes) -> None:
    assert f"$: {word.decode()} is no number in JSON." == refusal(b'{"a": ' + word + b"}")


def test_a_number_beyond_a_double_is_refused_where_it_stands() -> None:
    assert "$.a[1]: inf is no number that can be kept." == refusal(b'{"a": [1, 1e999]}')


def test_a_number_of_very_many_digits_is_refused_before_it_is_reckoned() -> None:
    most = b"1" * JSON_NUMBER_CHARS_MAX
    assert int(most) == read_json(most)
    assert "$: a number has 101 digits; at most 100." == refusal(most + b"1")
    assert "$: a number has 100001 digits; at most 100." == refusal(b"1" * 100_001)


def test_nul_in_a_text_is_refused_where_it_stands() -> None:
    assert "$.a: the text holds a NUL character." == refusal(b'{"a": "x\\u0000"}')


def test_half_a_surrogate_pair_is_refused_where_it_stands() -> None:
    said = "the text is not valid Unicode: it holds half of a surrogate pair."
    assert f"$.a.b: {said}" == refusal(b'{"a": {"b": "\\ud83d"}}')


def test_a_whole_surrogate_pair_is_a_character() -> None:
    assert ["\U0001f600"] == read_json(b'["\\ud83d\\ude00"]')


def test_a_key_is_looked_at_like_a_text() -> None:
    assert '$."\\u0000": the text holds a NUL character.' == refusal(b'{"\\u0000": 1}')


def test_nesting_is_bounded() -> None:
    deep = JSON_DEPTH_MAX
    assert read_json(b"[" * deep + b"]" * deep)
    assert "this is nested more than 32 deep." in refusal(b"[" * (deep + 1) + b"]" * (deep + 1))


def test_absurd_nesting_is_refused_without_harm() -> None:
    assert "$: this is nested more than 32 deep." == refusal(b"[" * 500_000)


def test_what_is_not_utf8_is_refused_by_its_byte() -> None:
    assert "$: byte 2 is not UTF-8." == refusal(b'["\xff"]')


def test_what_is_not_json_is_refused_by_line_and_column() -> None:
    said = "this is not JSON: Expecting value (line 2, column 7)."
    assert f"$: {said}" == refusal(b'{\n "a": }')


def test_every_strange_part_is_named_at_once() -> None:
    with pytest.raises(BadInput) as refused:
        refuse_strange({"a": float("nan"), "b": ["x\0"], "c": {1, 2}})
    assert (
        Problem("$.a", "nan is no number that can be kept."),
        Problem("$.b[0]", "the text holds a NUL character."),
        Problem("$.c", "a set is no JSON value."),
    ) == refused.value.problems


def test_what_was_typed_is_shown_short_and_printable() -> None:
    assert '"a\\u001b[31m"' == shown("a\x1b[31m")
    assert 63 == len(shown("x" * 1_000))
    assert "3" == shown(3)


def test_a_path_names_a_plain_key_as_it_is_and_others_in_quotes() -> None:
    assert "timeout" == path_key("timeout")
    assert '"my key"' == path_key("my key")
