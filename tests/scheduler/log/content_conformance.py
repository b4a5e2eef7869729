"""What every engine of the log must do with content; as `conformance`, with the same fixtures.

The log keeps output for 30 days, and 100 bytes of it in all.
"""

from datetime import timedelta

import pytest

from scheduler.log.contract import ContentState, Log, Request, Retention, Write
from scheduler.model.content import Contents, digest_of
from scheduler.model.errors import BadInput, VersionConflict
from scheduler.model.events import AnyEvent, ContentErased
from scheduler.model.limits import CONTENT_BYTES_MAX, PURGE_ROWS_MAX
from tests.scheduler.log.writing import (
    META,
    NOON_AT,
    StillClock,
    erasing,
    logged,
    output,
    request,
    started,
    write,
)

RETENTION = Retention(timedelta(days=30), 100)
DAY_NS = 86_400_000_000_000
KEPT_UNTIL = NOON_AT + RETENTION.output


def purged(log: Log) -> int:
    """Purge twice: what is past at one look goes at the next; return how many contents went."""
    return log.purge() + log.purge()


def is_there(log: Log, content: bytes) -> bool:
    return log.content(digest_of(content)) == content


class ContentConformance:
    """The promises about content, each a test."""

    def test_content_is_kept_with_the_event_that_names_it(self, log: Log) -> None:
        log.append(logged("fire/a", b"line 1\n"))
        assert b"line 1\n" == log.content(digest_of(b"line 1\n"))
        assert log.content(digest_of(b"line 2\n")) is None

    def test_one_content_may_be_named_often(self, log: Log) -> None:
        log.append(logged("fire/a", b"same"))
        log.append(logged("fire/b", b"same"))
        assert b"same" == log.content(digest_of(b"same"))

    def test_content_of_a_refused_request_is_not_kept(self, log: Log) -> None:
        with pytest.raises(VersionConflict):
            log.append(logged("fire/a", b"lost", expected=3))
        assert log.content(digest_of(b"lost")) is None

    def test_content_under_a_wrong_digest_is_refused(self, log: Log) -> None:
        with pytest.raises(BadInput, match="has another digest"):
            log.append(request(write("fire/a", 0), contents={digest_of(b"a"): b"b"}))

    def test_content_that_is_too_large_is_refused(self, log: Log) -> None:
        with pytest.raises(BadInput, match="CONTENT_BYTES_MAX"):
            log.append(logged("fire/a", bytes(CONTENT_BYTES_MAX + 1)))

    # -- output

    def test_output_is_kept_for_its_time_and_then_gone(self, log: Log, clock: StillClock) -> None:
        log.append(output("fire/a", b"line 1"))
        assert ContentState(6, KEPT_UNTIL) == log.content_state(digest_of(b"line 1"))
        clock.ns += 30 * DAY_NS - 1
        assert (0, True) == (purged(log), is_there(log, b"line 1"))
        clock.ns += 1
        assert (1, False) == (purged(log), is_there(log, b"line 1"))
        assert ContentState(None, KEPT_UNTIL) == log.content_state(digest_of(b"line 1"))
        assert log.verify().fault is None

    def test_a_clock_set_forward_takes_no_output_with_it_at_once(
        self, log: Log, clock: StillClock
    ) -> None:
        log.append(output("fire/a", b"line 1"))
        log.purge()
        clock.ns += 365 * DAY_NS
        assert (0, True) == (log.purge(), is_there(log, b"line 1"))
        clock.ns -= 365 * DAY_NS
        assert (0, True) == (purged(log), is_there(log, b"line 1"))

    def test_what_is_no_output_is_kept_for_good(self, log: Log, clock: StillClock) -> None:
        log.append(logged("fire/a", b"result"))
        clock.ns += 3_650 * DAY_NS
        assert (0, True) == (purged(log), is_there(log, b"result"))
        assert ContentState(6) == log.content_state(digest_of(b"result"))

    @pytest.mark.parametrize("is_output_first", [True, False])
    def test_output_that_is_also_a_result_is_kept_for_good(
        self, log: Log, clock: StillClock, *, is_output_first: bool
    ) -> None:
        first, second = (output, logged) if is_output_first else (logged, output)
        log.append(first("fire/a", b"same"))
        log.append(second("fire/b", b"same"))
        clock.ns += 31 * DAY_NS
        assert (0, True) == (purged(log), is_there(log, b"same"))

    def test_output_that_is_also_a_result_of_the_same_request_is_kept_for_good(
        self, log: Log, clock: StillClock
    ) -> None:
        same = {digest_of(b"same"): b"same"}
        log.append(Request([write("fire/a", 0)], META, contents=same, outputs=same))
        assert ContentState(4) == log.content_state(digest_of(b"same"))
        clock.ns += 31 * DAY_NS
        assert (0, True) == (purged(log), is_there(log, b"same"))

    def test_output_written_twice_is_kept_as_long_as_the_later_one(
        self, log: Log, clock: StillClock
    ) -> None:
        log.append(output("fire/a", b"same"))
        clock.ns += 10 * DAY_NS
        log.append(output("fire/b", b"same"))
        clock.ns -= 5 * DAY_NS
        log.append(output("fire/c", b"same"))
        later = KEPT_UNTIL + timedelta(days=10)
        assert ContentState(4, later) == log.content_state(digest_of(b"same"))

    def test_output_that_has_gone_stands_again_when_it_is_written_again(
        self, log: Log, clock: StillClock
    ) -> None:
        log.append(output("fire/a", b"same"))
        clock.ns += 31 * DAY_NS
        assert 1 == purged(log)
        log.append(output("fire/b", b"same"))
        assert (0, True) == (purged(log), is_there(log, b"same"))

    def test_the_oldest_output_goes_when_there_is_too_much(
        self, log: Log, clock: StillClock
    ) -> None:
        lines = [bytes([65 + number]) * 30 for number in range(5)]
        for number, line in enumerate(lines):
            log.append(output(f"fire/{number}", line))
            clock.ns += 1
        assert 2 == purged(log)
        assert [False, False, True, True, True] == [is_there(log, line) for line in lines]
        log.append(output("fire/6", b"z" * 30))
        assert 1 == log.purge()
        assert [False, True, True] == [is_there(log, line) for line in lines[2:]]

    def test_a_purge_has_no_end_before_all_is_gone(self, log: Log, clock: StillClock) -> None:
        many = [b"%d" % number for number in range(PURGE_ROWS_MAX + 5)]
        outputs: Contents = {digest_of(each): each for each in many}
        log.append(Request([write("fire/a", 0)], META, outputs=outputs))
        clock.ns += 31 * DAY_NS
        assert len(many) == purged(log)
        assert not any(is_there(log, each) for each in many)

    # -- erasing

    def test_erased_content_is_gone_at_once_and_the_log_still_verifies(self, log: Log) -> None:
        log.append(logged("fire/a", b"secret"))
        log.append(erasing(b"secret"))
        assert not is_there(log, b"secret")
        erased = ContentState(None, is_erased=True)
        assert erased == log.content_state(digest_of(b"secret"))
        assert [1, 0] == [log.purge(), log.purge()]
        assert erased == log.content_state(digest_of(b"secret"))
        assert log.verify().fault is None

    def test_output_is_erased_before_its_time(self, log: Log) -> None:
        log.append(output("fire/a", b"secret"))
        log.append(erasing(b"secret"))
        assert not is_there(log, b"secret")
        assert 1 == log.purge()

    def test_nothing_is_erased_by_a_refused_request(self, log: Log) -> None:
        log.append(logged("fire/a", b"secret"))
        with pytest.raises(VersionConflict):
            log.append(erasing(b"secret", expected=9))
        assert is_there(log, b"secret")

    def test_what_was_never_there_leaves_nothing_to_erase(self, log: Log) -> None:
        log.append(erasing(b"secret"))
        assert log.content_state(digest_of(b"secret")) is None
        assert 0 == log.purge()

    def test_erased_content_stands_again_when_it_is_named_again(
        self, log: Log, clock: StillClock
    ) -> None:
        log.append(logged("fire/a", b"ok"))
        log.append(erasing(b"ok"))
        log.purge()
        log.append(logged("fire/b", b"ok"))
        assert ContentState(2) == log.content_state(digest_of(b"ok"))
        clock.ns += 31 * DAY_NS
        assert (0, True) == (purged(log), is_there(log, b"ok"))

    def test_content_erased_and_named_again_before_it_has_gone_stands(self, log: Log) -> None:
        log.append(output("fire/a", b"ok"))
        log.append(erasing(b"ok"))
        log.append(output("fire/b", b"ok"))
        assert ContentState(2, KEPT_UNTIL) == log.content_state(digest_of(b"ok"))
        assert (0, True) == (purged(log), is_there(log, b"ok"))

    def test_content_stored_and_erased_side_by_side_is_gone(self, log: Log) -> None:
        events: list[AnyEvent] = [ContentErased(digests=(digest_of(b"ok"),), count=1)]
        log.append(
            Request(
                [Write("fire/a", 0, [started()]), Write("system", 1, events)],
                META,
                contents={digest_of(b"ok"): b"ok"},
                erased=[digest_of(b"ok")],
            )
        )
        assert ContentState(None, is_erased=True) == log.content_state(digest_of(b"ok"))

    def test_nobody_has_heard_of_what_was_never_stored(self, log: Log) -> None:
        assert log.content_state(digest_of(b"x")) is None
        assert log.content(digest_of(b"x")) is None
