"""`config check` and `show` tell the limits of concurrency keys."""

from tests.tools.cli.desk import Desk

KEYS = '\n[concurrency]\n"the database" = 3\ncrm = 1\n'


def add_keys(desk: Desk, text: str = KEYS) -> None:
    with (desk.folder / "horolog.toml").open("a") as settings:
        settings.write(text)


def test_the_limits_of_keys_are_shown(bare_desk: Desk) -> None:
    add_keys(bare_desk)
    shown = bare_desk.done("config", "show", "--json").json
    assert {"the database": 3, "crm": 1} == shown["concurrency"]
    assert 'concurrency = {"the database":3,"crm":1}' in bare_desk.done("config", "show").out


def test_a_log_with_no_limits_shows_that_there_are_none(bare_desk: Desk) -> None:
    assert {} == bare_desk.done("config", "show", "--json").json["concurrency"]


def test_a_wrong_limit_is_told_by_its_key(bare_desk: Desk) -> None:
    add_keys(bare_desk, "\n[concurrency]\ncrm = 0\n")
    printed = bare_desk("config", "check", "--json")
    assert 2 == printed.code
    assert printed.error["path"].endswith("horolog.toml: concurrency.crm")
