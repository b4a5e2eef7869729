import base64
import json
import re
import threading
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.model.limits import SECRETS_KEPT_MAX
from services.connections.references import Reference
from services.connections.secrets import Secrets

PW = 'pä ss/"wörd"\\&+'
WORDS = st.text(alphabet="abc-", min_size=4, max_size=8)


def knowing(**values: str) -> Secrets:
    secrets = Secrets()
    for name, value in values.items():
        secrets.remember(name, value)
    return secrets


def test_without_secrets_a_text_is_what_it_was() -> None:
    assert "text" == Secrets().redact("text")


@pytest.mark.parametrize(
    "form",
    [
        PW,
        quote(PW),
        quote(PW, safe=""),
        quote_plus(PW),
        base64.b64encode(PW.encode()).decode(),
        base64.urlsafe_b64encode(PW.encode()).decode().rstrip("="),
        json.dumps(PW)[1:-1],
        json.dumps(PW, ensure_ascii=False)[1:-1],
        repr(PW)[1:-1],
        repr(PW.encode())[2:-1],
    ],
)
def test_a_secret_is_found_in_the_forms_it_takes(form: str) -> None:
    redacted = knowing(PW=PW).redact(f"before {form} after")
    assert redacted.rstrip("= ").startswith("before ‹secret:PW›")
    assert redacted.endswith(" after")
    assert form not in redacted


def test_every_line_of_a_secret_is_one() -> None:
    key = "-----BEGIN-----\nMIIBfirst\nsecond==\n-----END-----"
    redacted = knowing(KEY=key).redact("it says MIIBfirst; second==")
    assert "it says ‹secret:KEY›; ‹secret:KEY›" == redacted


def test_the_longest_secret_is_taken_first() -> None:
    assert "‹secret:long› ‹secret:short›" == knowing(short="open", long="open sesame").redact(
        "open sesame open"
    )


def test_a_mark_is_not_looked_through_again() -> None:
    assert "‹secret:PW›" == knowing(PW="secret").redact("secret")


def test_a_name_cannot_break_the_text_it_stands_in() -> None:
    assert "‹secret:a_b__c_›" == knowing(**{'a"b\n\\c›': "open sesame"}).redact("open sesame")


def test_a_rotated_secret_stays_one(tmp_path: Path) -> None:
    file = tmp_path / "pw"
    file.touch(0o600)
    secrets = Secrets(tmp_path)
    known = Reference("file", "pw", "$.password")
    for value in ("open sesame", "open barley"):
        file.write_text(value)
        assert value == secrets.read(known)
    assert "‹secret:pw› ‹secret:pw›" == secrets.redact("open sesame open barley")


def test_all_that_can_be_read_are_remembered_and_the_others_told() -> None:
    secrets = Secrets(environ={"A": "open sesame"})
    problems = secrets.read_all([Reference("env", name, f"$.{name}") for name in ("B", "A", "C")])
    assert ["$.B", "$.C"] == [problem.path for problem in problems]
    assert "‹secret:A›" == secrets.redact("open sesame")


def test_of_too_many_the_oldest_go_first() -> None:
    secrets = Secrets()
    values = [f"secret-{number:06}" for number in range(SECRETS_KEPT_MAX + 1)]
    for value in values:
        secrets.remember("PW", value)
    assert values[0] == secrets.redact(values[0])
    assert "‹secret:PW› ‹secret:PW›" == secrets.redact(f"{values[1]} {values[-1]}")


def test_a_json_text_stays_json() -> None:
    secrets = knowing(PIN="4711", KEY='a"bc\\d')
    text = json.dumps({"x": [14711, 4711.5, "p4711", True, None], 'a"bc\\d': 'see a"bc\\d'})
    assert {
        "x": ["1‹secret:PIN›", "‹secret:PIN›.5", "p‹secret:PIN›", True, None],
        "‹secret:KEY›": "see ‹secret:KEY›",
    } == json.loads(secrets.redact_json(text))
    untouched = '{"b": 1.50,  "a": 1e3}'
    assert untouched == secrets.redact_json(untouched)


@given(st.lists(WORDS, min_size=1, max_size=5), st.text(alphabet="abc- ", max_size=60))
def test_no_secret_is_left_in_a_text(words: list[str], text: str) -> None:
    secrets = knowing(**{f"N{number}": word for number, word in enumerate(words)})
    between = re.split(r"‹secret:N\d›", secrets.redact(text + "".join(words)))
    assert not any(word in piece for word in words for piece in between)


@given(WORDS, st.text(alphabet="abc- ", max_size=20), st.integers(0, 40), st.integers(0, 40))
def test_no_piece_of_a_secret_is_left_where_a_text_was_cut(
    word: str, around: str, cut: int, resumed: int
) -> None:
    whole = f"{around}{word}{around}{word}"
    head, tail = whole[:cut], whole[max(cut, resumed) :]
    secrets = knowing(PW=word)
    first, last = secrets.without_cut_ones(secrets.redact(head), secrets.redact(tail))
    assert not any(first.endswith(word[:length]) for length in range(1, len(word) + 1))
    assert not any(last.startswith(word[-length:]) for length in range(1, len(word) + 1))


def test_threads_may_read_and_redact_at_once() -> None:
    secrets = Secrets()
    begin = threading.Barrier(4)
    failures: list[str] = []

    def work(number: int) -> None:
        begin.wait()
        for turn in range(20):
            value = f"secret-{number}-{turn:04}"
            secrets.remember("PW", value)
            if value in secrets.redact(f"<{value}>"):
                failures.append(value)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [] == failures
