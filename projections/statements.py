"""SQL made of fields and conditions: statements that change a row, questions that list rows."""

import sqlite3

from scheduler.model.limits import ROWS_PER_LIST_MAX


def update(table: str, fields: tuple[str, ...], key: tuple[str, ...]) -> str:
    """Return the statement that sets `fields` of the row with that key."""
    setting = ", ".join(f"{field} = ?" for field in fields)
    where = " AND ".join(f"{field} = ?" for field in key)
    return f"UPDATE {table} SET {setting} WHERE {where}"


class Question:
    """A SELECT of those conditions that were asked for, and no others: so indexes can serve it."""

    def __init__(self, columns: str, view: str) -> None:
        self._select = f"SELECT {columns} FROM {view}"
        self._conditions: list[str] = []
        self._values: list[object] = []

    def where(self, condition: str, *values: object) -> None:
        """Ask for rows that meet the condition on `values`; one on a None was not asked for."""
        if None not in values:
            self._conditions.append(condition)
            self._values += values

    def ask(
        self, connection: sqlite3.Connection, order: str, limit: int
    ) -> list[tuple[object, ...]]:
        """Return at most `limit` rows, and at most ROWS_PER_LIST_MAX, in order."""
        where = f" WHERE {' AND '.join(self._conditions)}" if self._conditions else ""
        sql = f"{self._select}{where} ORDER BY {order} LIMIT ?"
        return connection.execute(sql, (*self._values, min(limit, ROWS_PER_LIST_MAX))).fetchall()
