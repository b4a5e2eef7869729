import threading

import pytest

from services.connections.secrets import Secrets
from services.output import Lines


@pytest.fixture
def secrets() -> Secrets:
    made = Secrets()
    made.remember("PW", "open sesame")
    made.remember("KEY", "first line\nsecond line")
    return made


def test_nothing_written_is_no_output() -> None:
    lines = Lines()
    lines.write(b"")
    assert lines.output() is None


def test_a_little_is_kept_whole() -> None:
    lines = Lines()
    lines.write(b"one\ntw")
    lines.write(b"o\nthree")
    output = lines.output()
    assert output is not None
    assert ("one\ntwo\nthree", 3, 0) == (output.text, output.lines, output.dropped_bytes)


def test_of_too_much_the_two_ends_are_kept_in_whole_lines() -> None:
    lines = Lines(bytes_max=1_000)
    written = [f"line {number:04}\n".encode() for number in range(1_000)]
    for one in written:
        lines.write(one)
    output = lines.output()
    assert output is not None
    kept = output.text.splitlines()
    gap = next(place for place, one in enumerate(kept) if one.startswith("[..."))
    assert [f"line {number:04}" for number in range(gap)] == kept[:gap]
    after = kept[gap + 1 :]
    assert [f"line {number:04}" for number in range(1_000 - len(after), 1_000)] == after
    assert 1_000 == output.lines
    assert gap > 30
    assert len(after) > 30


def test_what_was_dropped_and_what_was_kept_is_all_that_was_written() -> None:
    lines = Lines(bytes_max=1_000)
    for number in range(1_000):
        lines.write(f"line {number}\n".encode())
    output = lines.output()
    assert output is not None
    kept = [one for one in output.text.splitlines(keepends=True) if not one.startswith("[...")]
    assert sum(len(f"line {number}\n") for number in range(1_000)) == (
        output.dropped_bytes + sum(map(len, kept))
    )


def test_a_text_with_its_mark_stays_within_the_bound() -> None:
    for size in range(900, 3_000, 7):
        lines = Lines(bytes_max=1_000)
        lines.write(b"x" * size)
        output = lines.output()
        assert output is not None
        assert len(output.text.encode()) <= 1_000


def test_one_endless_line_keeps_its_two_ends() -> None:
    lines = Lines(bytes_max=1_000)
    lines.write(b"begin" + b"-" * 10_000)
    lines.write(b"-" * 10_000 + b"end")
    output = lines.output()
    assert output is not None
    assert output.text.startswith("begin---")
    assert output.text.endswith("---end")
    assert 1 == output.lines


def test_bytes_that_are_no_text_are_shown_as_such() -> None:
    lines = Lines()
    lines.write(b"\xff\xfe!\n")
    output = lines.output()
    assert output is not None
    assert "\ufffd\ufffd!\n" == output.text


def test_no_line_is_lost_between_threads() -> None:
    lines = Lines()
    begin = threading.Barrier(4)

    def write() -> None:
        begin.wait()
        for _ in range(200):
            lines.write(b"a line\n")

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    output = lines.output()
    assert output is not None
    assert 800 == output.lines
    assert "a line\n" * 800 == output.text


def test_a_secret_is_not_kept_however_it_was_written(secrets: Secrets) -> None:
    lines = Lines(secrets=secrets)
    for chunk in (b"it is open se", b"same\n", b"first line\nsecond ", b"line\n"):
        lines.write(chunk)
    output = lines.output()
    assert output is not None
    assert ("it is ‹secret:PW›\n‹secret:KEY›\n", 3) == (output.text, output.lines)


def test_no_piece_of_a_secret_is_kept_where_the_middle_is_missing(secrets: Secrets) -> None:
    for shift in range(30):
        lines = Lines(bytes_max=200, secrets=secrets)
        lines.write(b"-" * shift + b"open sesame" * 100)
        output = lines.output()
        assert output is not None
        assert output.dropped_bytes > 0
        kept = [one for one in output.text.splitlines() if not one.startswith("[...")]
        assert not any(piece in line for line in kept for piece in ("op", "en", " s", "sa", "me"))


def test_a_text_that_grows_by_its_marks_stays_within_the_bound() -> None:
    short = Secrets()
    short.remember("a-rather-long-name", "pass")
    for count in (10, 40, 60, 400):
        lines = Lines(bytes_max=1_000, secrets=short)
        lines.write(b"pass\n" * count)
        output = lines.output()
        assert output is not None
        assert len(output.text.encode()) <= 1_000
        assert count == output.lines
        assert "pass" not in output.text
