import msgspec
import pytest

from services.builtin.inputs import read
from services.outcomes import Fatal
from tests.services.builtin.making import context


class Letter(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    to: str
    copies: int = 1
    pages: list[int] = []


def refusal(given: object) -> str:
    with pytest.raises(Fatal) as caught:
        read(context(given), Letter)
    return str(caught.value)


def test_a_table_becomes_the_record() -> None:
    assert Letter(to="ann", pages=[1]) == read(context({"to": "ann", "pages": [1]}), Letter)


def test_lines_of_key_and_value_become_the_record_and_its_numbers() -> None:
    assert Letter(to="ann", copies=3) == read(context("to=ann\ncopies=3"), Letter)


def test_an_unknown_field_is_named_with_the_one_that_was_meant() -> None:
    refused = refusal({"to": "ann", "copeis": 2})
    assert '$.input: there is no field "copeis". Did you mean "copies"?' == refused


def test_an_unknown_field_like_no_other_is_told_with_all_there_are() -> None:
    refused = refusal({"to": "ann", "zzzzzz": 2})
    assert '$.input: there is no field "zzzzzz". Known: to, copies, pages' == refused


def test_a_missing_field_is_named() -> None:
    assert "`to`" in refusal({"copies": 2})


def test_a_field_of_the_wrong_kind_is_named() -> None:
    assert "$.copies" in refusal({"to": "ann", "copies": "many"})
    assert "$.pages[1]" in refusal({"to": "ann", "pages": [1, "two"]})


@pytest.mark.parametrize(
    ("given", "kind"),
    [(None, "no input"), ("hello", "a text"), ("[1]", "a list"), (5, "a number"), (True, "true")],
)
def test_what_is_no_table_is_told_by_its_kind(given: object, kind: str) -> None:
    assert f"$.input: wants a table with to, copies, pages, not {kind}" in refusal(given)
