import sqlite3
import sys
from pathlib import Path

import pytest

from scheduler.model.errors import BadInput
from services.connections.drivers import Driver, Opened
from services.connections.errors import ConnectionFailed
from services.connections.kinds import SqlConnection
from services.connections.references import Reference
from services.connections.secrets import Secrets


def opened(folder: Path, url: str, *, create: bool = False, log: Path | None = None) -> Opened:
    connection = SqlConnection(name="db", url=url, create=create)
    return Driver(connection, Secrets(), folder, log).open()


def refused(folder: Path, url: str, log: Path | None = None) -> str:
    with pytest.raises(ConnectionFailed) as caught:
        opened(folder, url, create=True, log=log)
    return caught.value.cause


def test_a_file_is_looked_for_in_the_folder_of_the_settings(tmp_path: Path) -> None:
    opened(tmp_path, "sqlite:///a%20b.db", create=True).database.close()
    assert (tmp_path / "a b.db").exists()


def test_a_file_may_be_named_absolutely(tmp_path: Path) -> None:
    opened(Path("/nowhere"), f"sqlite:///{tmp_path}/a.db", create=True).database.close()
    assert (tmp_path / "a.db").exists()


def test_a_file_that_is_not_there_is_made_only_when_that_is_meant(tmp_path: Path) -> None:
    with pytest.raises(ConnectionFailed, match="there is no such file; create = true makes one"):
        opened(tmp_path, "sqlite:///a.db")
    assert not (tmp_path / "a.db").exists()


def test_a_file_that_cannot_be_opened_is_told_as_such(tmp_path: Path) -> None:
    assert "unable to open database file" == refused(tmp_path, "sqlite:///no/such/folder/a.db")


@pytest.mark.parametrize(
    "name", ["h.db", "./h.db", "link.db", "h.db-wal", "h.db.views", "h.db.lock", "x/../h.db"]
)
def test_the_log_is_no_database_for_services(tmp_path: Path, name: str) -> None:
    log = tmp_path / "h.db"
    log.touch()
    (tmp_path / "x").mkdir()
    (tmp_path / "link.db").symlink_to(log)
    assert "this is Horolog's own log or beside it" in refused(tmp_path, f"sqlite:///{name}", log)


@pytest.mark.parametrize(
    ("statement", "parameters"),
    [
        ("ATTACH '{log}' AS log", ()),
        ("ATTACH 'file:{log}?mode=ro' AS log", ()),
        ("ATTACH '{log}.views' AS log", ()),
        ("ATTACH ? AS log", ("{log}",)),
        ("ATTACH '{folder}/' || 'h.db' AS log", ()),
        ("VACUUM INTO '{log}'", ()),
    ],
)
def test_the_log_is_not_attached_either(
    tmp_path: Path, statement: str, parameters: tuple[str, ...]
) -> None:
    log = tmp_path / "h.db"
    database = opened(tmp_path, "sqlite:///own.db", create=True, log=log).database
    values = tuple(value.format(log=log) for value in parameters)
    with pytest.raises(sqlite3.DatabaseError):
        database.cursor().execute(statement.format(log=log, folder=tmp_path), values)
    database.close()
    assert not log.exists()


def test_any_other_file_is_attached(tmp_path: Path) -> None:
    database = opened(tmp_path, "sqlite:///own.db", create=True, log=tmp_path / "h.db").database
    database.cursor().execute(f"ATTACH '{tmp_path / 'other.db'}' AS other")
    database.cursor().execute("VACUUM")
    database.close()


def test_postgresql_without_its_driver_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    told = refused(tmp_path, "postgresql://localhost/orders")
    assert "needs a driver: pip install 'psycopg[binary]'" == told


def test_postgresql_is_opened_as_the_settings_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: dict[str, object] = {}

    class Psycopg:
        Error = OSError

        @staticmethod
        def connect(**options: object) -> sqlite3.Connection:
            asked.update(options)
            raise OSError("no")

    monkeypatch.setitem(sys.modules, "psycopg", Psycopg)
    monkeypatch.setenv("PW", "open sesame")
    password = Reference("env", "PW", "$.password")
    connection = SqlConnection(
        name="db",
        url="postgresql://db.example.com:5433/my%20orders",
        username="ali",
        password=password,
        ca="ca.pem",
    )
    driver = Driver(connection, Secrets(), tmp_path, None)
    with pytest.raises(ConnectionFailed, match="no"):
        driver.open()
    assert {
        "host": "db.example.com",
        "port": 5433,
        "dbname": "my orders",
        "user": "ali",
        "password": "open sesame",
        "sslmode": "verify-full",
        "sslrootcert": str(tmp_path / "ca.pem"),
        "connect_timeout": 5,
        "autocommit": True,
    } == asked
    monkeypatch.delenv("PW")
    with pytest.raises(BadInput, match="the environment has no PW"):
        driver.open()
