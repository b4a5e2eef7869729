"""The forms of an answer: what people, scripts and spreadsheets get, and what none of them does."""

import csv
import io
from datetime import UTC, datetime, timedelta

import pytest

from scheduler.model.errors import BadInput
from tools.cli import output
from tools.cli.call import Call
from tools.cli.harmless import json_text, safe
from tools.cli.output import Shape, cell, show_record, show_rows

SHAPE = Shape(("name", "at", "lasted", "count", "labels"), ("name", "at", "count"))
ROW: dict[str, object] = {
    "name": "orders",
    "at": datetime(2026, 7, 1, 10, 0, tzinfo=UTC),
    "lasted": timedelta(seconds=90),
    "count": 2,
    "labels": {"team": "x"},
}


@pytest.fixture
def call() -> Call:
    made = Call()
    made.tz = "Europe/Warsaw"
    return made


def test_in_a_pipe_rows_are_cut_at_tabs_under_a_header(
    call: Call, capsys: pytest.CaptureFixture[str]
) -> None:
    show_rows(call, SHAPE, [ROW])
    assert "name\tat\tcount\norders\t2026-07-01 12:00:00 CEST\t2\n" == capsys.readouterr().out


def test_json_has_every_field_and_times_in_utc(
    call: Call, capsys: pytest.CaptureFixture[str]
) -> None:
    call.json = ""
    show_rows(call, SHAPE, [ROW])
    assert (
        '[{"name":"orders","at":"2026-07-01T10:00:00Z","lasted":"1m30s","count":2,'
        '"labels":{"team":"x"}}]\n'
    ) == capsys.readouterr().out


def test_json_is_narrowed_to_the_fields_asked_for_in_their_order(
    call: Call, capsys: pytest.CaptureFixture[str]
) -> None:
    call.json = "count,name"
    show_rows(call, SHAPE, [ROW])
    assert '[{"count":2,"name":"orders"}]\n' == capsys.readouterr().out


def test_a_field_that_is_not_there_is_refused_with_those_that_are(call: Call) -> None:
    call.json = "nmae"
    with pytest.raises(BadInput, match=r"--json: there is no field 'nmae'. Known: name, at"):
        show_rows(call, SHAPE, [])


def test_json_lines_are_one_record_each(call: Call, capsys: pytest.CaptureFixture[str]) -> None:
    call.jsonl = True
    show_rows(call, SHAPE, [ROW, ROW])
    assert 2 == capsys.readouterr().out.count('{"name":"orders"')


def test_csv_has_a_header_and_every_field(call: Call, capsys: pytest.CaptureFixture[str]) -> None:
    call.csv = True
    show_rows(call, SHAPE, [ROW])
    rows = list(csv.reader(io.StringIO(capsys.readouterr().out)))
    assert list(SHAPE.fields) == rows[0]
    assert ["orders", "2026-07-01T10:00:00Z", "1m30s", "2", '{"team":"x"}'] == rows[1]


def test_an_empty_list_is_an_empty_answer_in_each_form(
    call: Call, capsys: pytest.CaptureFixture[str]
) -> None:
    show_rows(call, SHAPE, [])
    call.json = ""
    show_rows(call, SHAPE, [])
    call.json, call.jsonl = None, True
    show_rows(call, SHAPE, [])
    assert "name\tat\tcount\n[]\n" == capsys.readouterr().out


@pytest.mark.parametrize(
    "harmful",
    ["\x1b[31m", "\x9b2J", "\x07", "\x00", "\x7f", "\u202e", "\u2028", "\u200f", "\ufeff", "\x85"],
)
def test_what_steers_a_terminal_is_shown_as_an_escape(harmful: str) -> None:
    shown = safe(f"a{harmful}b")
    assert harmful[0] not in shown
    assert shown.startswith("a\\")
    assert harmful[0] not in json_text({"name": harmful})


def test_letters_of_every_script_are_left_as_they_are() -> None:
    text = "Zażółć 東京 🙂 עברית e\u0301"
    assert text == safe(text)
    assert f'"{text}"' == json_text(text)


def test_tabs_and_line_ends_in_a_cell_do_not_make_cells_and_lines(
    call: Call, capsys: pytest.CaptureFixture[str]
) -> None:
    show_rows(call, Shape(("name",), ("name",)), [{"name": "a\tb\nc"}])
    assert "name\na\\tb\\nc\n" == capsys.readouterr().out


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1"])
def test_a_spreadsheet_does_not_reckon_with_text(text: str) -> None:
    assert f"'{text}" == cell(text)


def test_numbers_stay_numbers_in_csv() -> None:
    assert ["-5", "0.5", "true", ""] == [cell(value) for value in (-5, 0.5, True, None)]


def test_a_terminal_gets_a_table_in_which_no_name_can_colour_anything(
    call: Call, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "100")
    show_rows(call, SHAPE, [{**ROW, "name": "[red]orders[/red]\x1b[31m"}])
    lines = capsys.readouterr().out.splitlines()
    assert ["NAME", "AT", "COUNT"] == lines[0].split()
    assert "[red]orders[/red]\\x1b[31m" in lines[1]
    assert "\x1b" not in "".join(lines)


def test_one_record_for_people_is_a_line_for_each_column(
    call: Call, capsys: pytest.CaptureFixture[str]
) -> None:
    show_record(call, SHAPE, {**ROW, "at": None})
    assert "name\torders\ncount\t2\n" == capsys.readouterr().out


def test_one_record_as_csv_is_a_header_and_a_line(
    call: Call, capsys: pytest.CaptureFixture[str]
) -> None:
    call.csv = True
    show_record(call, SHAPE, ROW, ["for people"])
    assert 2 == len(capsys.readouterr().out.splitlines())


def test_messages_do_not_stand_in_the_answer(capsys: pytest.CaptureFixture[str]) -> None:
    output.note("as an aside")
    assert ("", "as an aside\n") == capsys.readouterr()
