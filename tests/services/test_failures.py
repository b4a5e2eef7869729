from pathlib import Path

from services.failures import Failure, failure_of


class Unspeakable(Exception):
    def __str__(self) -> str:
        raise ValueError("no")


def test_a_failure_is_one_sentence_with_source_kind_message_and_line() -> None:
    failure = Failure(source="jobs/sync.py", kind="ModuleNotFoundError", message="pandas", line=3)
    assert "jobs/sync.py was not loaded: ModuleNotFoundError: pandas (line 3)" == str(failure)


def test_an_error_that_cannot_be_shown_is_told_by_its_kind() -> None:
    failure = failure_of(Unspeakable(), "a.py", Path("/a.py"), Path("/"))
    assert "a.py was not loaded: Unspeakable" == str(failure)


def test_an_error_of_the_system_is_told_without_its_number() -> None:
    failure = failure_of(PermissionError(13, "Permission denied"), "a.py", None, Path("/"))
    assert "a.py was not loaded: PermissionError: Permission denied" == str(failure)
