"""SQL made of fields and conditions."""

import sqlite3

from projections.statements import Question, update
from scheduler.model.limits import ROWS_PER_LIST_MAX


def test_an_update_names_its_fields_and_its_key() -> None:
    assert "UPDATE t SET c = ?, d = ? WHERE a = ? AND b = ?" == update("t", ("c", "d"), ("a", "b"))


def numbers(count: int) -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE n(a)")
    connection.executemany("INSERT INTO n VALUES (?)", ((number,) for number in range(count)))
    return connection


def test_a_question_has_the_conditions_that_were_asked_for() -> None:
    connection = numbers(10)
    question = Question("a", "n")
    question.where("a > ?", 2)
    question.where("a < ?", None)
    question.where("a <> 5")
    assert [(9,), (8,), (7,)] == question.ask(connection, "a DESC", 3)
    assert 6 == len(question.ask(connection, "a", 100))
    connection.close()


def test_no_list_is_longer_than_its_bound() -> None:
    connection = numbers(ROWS_PER_LIST_MAX + 1)
    assert ROWS_PER_LIST_MAX == len(Question("a", "n").ask(connection, "a", 1_000_000))
    connection.close()
