import pytest

from services.inputs import as_json, as_pairs, parsed
from services.outcomes import Fatal


def test_no_input_is_read_as_nothing() -> None:
    assert parsed(None, "text") is None


def test_an_input_given_as_json_is_read_as_json_whatever_it_is() -> None:
    assert 5 == parsed("5", "json")
    assert "word" == parsed('"word"', "json")


def test_a_text_that_is_an_object_or_an_array_is_read_as_json() -> None:
    assert {"a": [1, None]} == parsed('{"a": [1, null]}', "text")
    assert [1] == parsed(" [1] ", "text")


def test_a_lone_number_typed_as_text_stays_text() -> None:
    assert parsed("5", "text") is None


def test_a_text_that_only_begins_like_json_stays_text() -> None:
    assert parsed("{not json}", "text") is None
    assert parsed('{"a": 1, "a": 2}', "text") is None


def test_lines_of_key_and_value_are_read_as_a_dict() -> None:
    text = "to = ops@example.com\r\n\nsubject=a = b\nempty=\n"
    assert {"to": "ops@example.com", "subject": "a = b", "empty": ""} == parsed(text, "text")


@pytest.mark.parametrize("text", ["", "\n \n", "word", "=value", "a=1\nword", "two words=1"])
def test_a_text_with_a_line_that_is_no_pair_stays_text(text: str) -> None:
    assert as_pairs(text) is None


def test_a_key_that_stands_twice_is_no_dict() -> None:
    assert as_pairs("a=1\na=2") is None


def test_an_input_that_must_be_json_and_is_not_is_fatal() -> None:
    with pytest.raises(Fatal, match="not the JSON this service wants"):
        as_json("{")
    with pytest.raises(Fatal, match="has no input"):
        as_json(None)
    with pytest.raises(Fatal, match="NaN"):
        parsed("[NaN]", "json")
    with pytest.raises(Fatal):
        as_json("\ud800")
