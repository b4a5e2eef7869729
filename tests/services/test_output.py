import threading

from services.output import Lines


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
