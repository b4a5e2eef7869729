"""An error crosses HTTP whole: the client raises what the server raised."""

import json

import msgspec
import pytest

from scheduler.model import errors as e
from tools.web.problems import document_of, error_of, plain_document, status_of

ERRORS: tuple[tuple[e.HorologError, int], ...] = (
    (e.BadInput(e.Problem("$.a", "is wrong.", "Write b"), e.Problem("$.c", "too.")), 400),
    (e.NotFound("job", "x", "Did you mean y?"), 404),
    (e.NotAuthorised("You may not"), 403),
    (e.Conflict("not now"), 409),
    (e.Unreachable("nobody"), 503),
    (e.VersionConflict("job/x", 3, 4), 409),
    (e.KeyReused("k"), 422),
    (e.StaleEpoch("another writer"), 503),
    (e.ViewsRenewed("again"), 503),
    (e.ImpossibleHistory("cannot follow"), 500),
    (e.UnknownEvent(7, "run-suspended", 1, ours="0.1"), 500),
    (e.Damaged("broken", position=3), 500),
    (e.StorageFailed("full", in_doubt=True, key="k"), 507),
    (e.HorologError("failed"), 500),
)


def subclasses(kind: type[e.HorologError]) -> set[type[e.HorologError]]:
    ours = [one for one in kind.__subclasses__() if one.__module__ == e.__name__]
    return {kind}.union(*(subclasses(below) for below in ours))


@pytest.mark.parametrize(("error", "status"), ERRORS)
def test_an_error_comes_back_as_it_was(error: e.HorologError, status: int) -> None:
    raw = msgspec.json.encode(document_of(error))
    back = error_of(json.loads(raw))
    assert status == status_of(error)
    assert (str(error), error.exit_code) == (str(back), back.exit_code)
    assert vars(error) == vars(back)
    assert type(error) is type(back)


def test_the_list_above_holds_every_error_that_can_cross() -> None:
    abstract = {e.Refused, e.Outpaced, e.Corrupt}
    assert set() == subclasses(e.HorologError) - abstract - {type(error) for error, _ in ERRORS}


def test_a_document_says_what_a_person_needs() -> None:
    assert {
        "type": "urn:horolog:problem:bad-input",
        "title": "What was sent is wrong",
        "status": 400,
        "detail": "$.a: is wrong. Write b",
        "exit_code": 2,
        "problems": [{"path": "$.a", "message": "is wrong.", "hint": "Write b"}],
    } == document_of(e.BadInput.at("$.a", "is wrong.", "Write b"))


@pytest.mark.parametrize(
    ("status", "kind", "exit_code"),
    [(404, e.NotFound, 3), (405, e.Refused, 2), (413, e.Refused, 2), (500, e.HorologError, 1)],
)
def test_what_is_no_error_of_ours_is_told_by_its_status(
    status: int, kind: type[e.HorologError], exit_code: int
) -> None:
    back = error_of(plain_document(status, "told"))
    assert (kind, "told", exit_code) == (type(back), str(back), back.exit_code)


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"type": 5},
        {"type": "urn:horolog:problem:bad-input"},
        {"title": "x", "facts": 3},
        {"type": "urn:horolog:problem:bad-input", "problems": ["x", {"path": 1}]},
    ],
)
def test_a_document_of_somebody_else_is_still_an_error(document: dict[str, object]) -> None:
    assert isinstance(error_of(document), e.HorologError)
