import pytest

from services.results import Unkept, json_of, never_awaited, storable, value_of


def same(text: str) -> str:
    return text


@pytest.mark.parametrize("value", [None, True, 0, 1.5, "ü", [1, [2]], {"a": {"b": None}}])
def test_a_result_is_read_as_it_was_written(value: object) -> None:
    assert value == value_of(json_of(value, same))


def test_secrets_are_taken_out() -> None:
    assert '["‹secret:KEY›"]' == json_of(
        ["hush"], lambda text: text.replace("hush", "‹secret:KEY›")
    )


def test_what_is_not_json_is_told_by_its_place() -> None:
    with pytest.raises(Unkept, match=r"the result is not JSON: \$\.a\[1\]: a set is no JSON value"):
        json_of({"a": [1, {2}]}, same)


def test_what_is_nested_too_deep_to_be_looked_through_is_not_kept() -> None:
    def too_deep(_: str) -> str:
        raise RecursionError

    with pytest.raises(Unkept, match="nested too deep"):
        json_of([1], too_deep)


def test_what_nobody_awaited_is_put_away() -> None:
    async def work() -> None: ...

    assert never_awaited(work())
    assert not never_awaited(work)


def test_a_text_is_made_fit_to_be_stored() -> None:
    assert "a\\ud800b" == storable("a\ud800b")
