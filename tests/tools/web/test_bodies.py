"""A request's query says each thing once, and only what is known."""

import pytest
from starlette.requests import Request

from scheduler.model.errors import BadInput
from tools.web.bodies import is_dry_run, key_of, query_of, value_of


def asked(query: str = "", *keys: str) -> Request:
    headers = [(b"idempotency-key", key.encode("latin-1")) for key in keys]
    return Request({"type": "http", "query_string": query.encode(), "headers": headers})


def test_a_query_is_read() -> None:
    assert {"job": "a b", "limit": "3"} == query_of(asked("job=a%20b&limit=3"), {"job", "limit"})


def test_an_unknown_parameter_is_refused_with_the_known_ones() -> None:
    with pytest.raises(BadInput) as refused:
        query_of(asked("jobs=a"), {"limit", "job"})
    assert "?jobs: is not a parameter. Known: job, limit" == str(refused.value)


def test_a_parameter_that_stands_twice_is_refused() -> None:
    with pytest.raises(BadInput, match=r"\?job: stands twice"):
        query_of(asked("job=a&job=a"), {"job"})


@pytest.mark.parametrize(
    ("query", "dry"), [("", False), ("dry_run=false", False), ("dry_run=true", True)]
)
def test_a_dry_run_is_asked_for_in_words(query: str, dry: bool) -> None:  # noqa: FBT001  # a case
    assert dry is is_dry_run(asked(query))


@pytest.mark.parametrize("query", ["dry_run=1", "dry_run=", "dry_run=True"])
def test_a_dry_run_that_is_neither_is_refused(query: str) -> None:
    with pytest.raises(BadInput):
        is_dry_run(asked(query))


def test_a_key_is_read_from_its_header() -> None:
    assert None is key_of(asked())
    assert "k" == key_of(asked("", "k"))
    with pytest.raises(BadInput, match="stands twice"):
        key_of(asked("", "k", "k"))


def test_an_empty_body_says_nothing() -> None:
    assert None is value_of(b" \n")
    assert {} == value_of(b"{}")
