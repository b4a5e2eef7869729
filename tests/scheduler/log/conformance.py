"""What every engine of the log must do; an engine inherits this and provides the fixture `log`.

The log handed to a test holds its `log-created` at position 1, and its time of record is that of
`clock`.
"""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from scheduler.log.chain import FIRST
from scheduler.log.contract import Appended, Log, Meta, Write
from scheduler.model.errors import BadInput, KeyReused, Unreachable, VersionConflict
from scheduler.model.events import (
    EVENT_TYPES,
    AttemptFailed,
    ClockAccepted,
    ClockJumped,
    JobRenamed,
)
from scheduler.model.jobs import JobId
from scheduler.model.limits import (
    EVENT_BYTES_MAX,
    EVENTS_PER_APPEND_MAX,
    KEY_CHARS_MAX,
    PAGE_EVENTS_MAX,
    STREAM_CHARS_MAX,
)
from tests.scheduler.log.writing import (
    META,
    NOON_AT,
    RUN,
    StillClock,
    logged,
    one,
    request,
    started,
    write,
)
from tools.dev.record_golden import specimens

SECOND_NS = 1_000_000_000


class LogConformance:
    """The promises of `scheduler.log.contract`, each a test."""

    @pytest.fixture
    def clock(self) -> StillClock:
        return StillClock()

    # -- order

    def test_positions_follow_one_another_from_the_first_event(self, log: Log) -> None:
        assert [Appended(2, 2), Appended(3, 3)] == [log.append(one("fire/a")), log.append(one("b"))]
        assert [1, 2, 3] == [recorded.position for recorded in log.read()]

    def test_the_events_of_a_request_stand_side_by_side_over_several_streams(
        self, log: Log
    ) -> None:
        appended = log.append(request(write("fire/a", 0, 2), write("fire/b", 0), write("job/c", 0)))
        assert Appended(2, 5) == appended
        assert [("fire/a", 1), ("fire/a", 2), ("fire/b", 1), ("job/c", 1)] == [
            (recorded.stream, recorded.version) for recorded in log.read(after=1)
        ]

    def test_an_event_comes_back_as_it_was_written(self, log: Log) -> None:
        events = [each for kind in EVENT_TYPES.values() for each in specimens(kind)]
        log.append(request(Write("fire/a", 0, events)))
        assert events == [recorded.event for recorded in log.read(after=1)]

    def test_who_and_why_come_back_as_they_were_written(self, log: Log) -> None:
        meta = Meta(actor="uid 1000 (ben)", reason="try it — now", channel="cli", cause=1)
        log.append(request(write("fire/a", 0, 2), meta=meta))
        assert [meta, meta] == [recorded.meta for recorded in log.read(after=1)]

    def test_the_log_knows_its_identity(self, log: Log) -> None:
        assert "c0ffee" == log.identity

    def test_the_head_is_the_last_event(self, log: Log) -> None:
        before = log.head()
        log.append(one("fire/a"))
        after = log.head()
        assert (1, 2) == (before.position, after.position)
        assert 32 == len(after.hash)
        assert before.hash != after.hash

    def test_the_hash_of_every_event_can_be_asked_for(self, log: Log) -> None:
        first = log.head().hash
        log.append(one("fire/a"))
        assert [FIRST, first, log.head().hash, None] == [log.hash_at(place) for place in range(4)]

    def test_many_threads_append_without_a_hole(self, log: Log) -> None:
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda n: log.append(one(f"fire/{n}")), range(200)))
        assert set(range(2, 202)) == {answer.first for answer in answers}
        assert log.verify().fault is None

    # -- conditions

    @pytest.mark.parametrize("expected", [0, 1, 3, 9])
    def test_a_stream_at_another_version_refuses_the_request(self, log: Log, expected: int) -> None:
        log.append(request(write("job/a", 0, 2)))
        with pytest.raises(VersionConflict, match=f"is at version 2, not {expected}"):
            log.append(one("job/a", expected))
        assert 3 == log.head().position

    @pytest.mark.parametrize("stream", ["fire/a", "call/a", "job/a", "system/a"])
    def test_a_stream_cannot_begin_twice(self, log: Log, stream: str) -> None:
        log.append(one(stream))
        with pytest.raises(VersionConflict, match="is at version 1, not 0"):
            log.append(one(stream))

    @pytest.mark.parametrize("stream", ["fire/a", "call/a", "job/a"])
    def test_a_stream_cannot_begin_with_a_gap(self, log: Log, stream: str) -> None:
        with pytest.raises(VersionConflict, match="is at version 0, not 4"):
            log.append(one(stream, 4))

    def test_what_is_gathered_is_written_when_the_gathering_ends(self, log: Log) -> None:
        with log.gathering():
            futures = [log.submit(one(f"fire/{number}")) for number in range(9)]
            futures.append(log.submit(one("fire/0")))
        assert list(range(2, 11)) == [future.result(9).first for future in futures[:-1]]
        assert isinstance(futures[-1].exception(9), VersionConflict)
        assert 11 == log.append(one("fire/after")).first

    def test_one_failed_condition_refuses_all_events_of_its_request(self, log: Log) -> None:
        log.append(one("job/b"))
        with pytest.raises(VersionConflict):
            log.append(request(write("job/a", 0), write("job/b", 0), write("job/c", 0)))
        assert (0, 1, 0) == (log.version("job/a"), log.version("job/b"), log.version("job/c"))
        assert 2 == log.head().position

    def test_one_failed_condition_refuses_no_other_request(self, log: Log) -> None:
        futures = [log.submit(one(name)) for name in ("fire/a", "fire/b", "fire/a", "fire/c")]
        assert [2, 3, 4] == [futures[place].result().first for place in (0, 1, 3)]
        assert isinstance(futures[2].exception(), VersionConflict)

    def test_a_request_sees_what_the_one_before_it_will_have_written(self, log: Log) -> None:
        futures = [log.submit(one("fire/a", version)) for version in range(5)]
        assert [2, 3, 4, 5, 6] == [future.result().first for future in futures]

    def test_a_request_may_write_to_one_stream_twice(self, log: Log) -> None:
        log.append(request(write("fire/a", 0), write("fire/b", 0), write("fire/a", 1)))
        assert (2, 1) == (log.version("fire/a"), log.version("fire/b"))

    def test_a_request_cannot_write_one_version_twice(self, log: Log) -> None:
        with pytest.raises(VersionConflict, match="is at version 1, not 0"):
            log.append(request(write("fire/a", 0), write("fire/a", 0)))

    # -- request keys

    def test_a_key_seen_again_answers_as_it_did_and_writes_nothing(self, log: Log) -> None:
        wish = request(write("job/a", 0, 3), key="k1")
        assert Appended(2, 4) == log.append(wish)
        log.append(one("job/b"))
        assert Appended(2, 4, repeated=True) == log.append(wish)
        assert 5 == log.head().position

    def test_a_key_seen_again_at_once_answers_as_the_first_will(self, log: Log) -> None:
        wish = request(write("job/a", 0, 2), key="k1")
        first, second = log.submit(wish), log.submit(wish)
        assert (Appended(2, 3), Appended(2, 3, repeated=True)) == (first.result(), second.result())

    @pytest.mark.parametrize(
        "other", [Meta(actor="ben", digest="d2"), Meta(actor="eve", digest="d1")]
    )
    def test_a_key_belongs_to_one_command_of_one_actor(self, log: Log, other: Meta) -> None:
        log.append(request(write("job/a", 0), key="k1", meta=Meta(actor="ben", digest="d1")))
        with pytest.raises(KeyReused, match="'k1' was used before for another command"):
            log.append(request(write("job/b", 0), key="k1", meta=other))
        assert 2 == log.head().position

    def test_a_refused_request_leaves_no_key(self, log: Log) -> None:
        with pytest.raises(VersionConflict):
            log.append(one("job/a", 5, key="k1"))
        assert log.find("k1") is None
        assert Appended(2, 2) == log.append(one("job/a", key="k1"))

    def test_a_key_is_found_with_the_digest_of_its_command(self, log: Log) -> None:
        log.append(request(write("job/a", 0, 2), key="k1", meta=Meta(actor="ben", digest="d1")))
        assert (Appended(2, 3), "d1") == log.find("k1")
        assert log.find("k2") is None

    def test_a_key_stands_on_the_first_event_of_its_request(self, log: Log) -> None:
        log.append(request(write("job/a", 0, 2), write("job/b", 0), key="k1"))
        assert ["k1", None, None] == [recorded.key for recorded in log.read(after=1)]

    # -- the time of record

    def test_an_event_is_recorded_at_the_time_of_the_clock(self, log: Log) -> None:
        log.append(one("fire/a"))
        assert NOON_AT == log.read(after=1)[0].recorded_at

    def test_the_time_of_record_never_falls(self, log: Log, clock: StillClock) -> None:
        log.append(one("fire/a"))
        clock.ns -= 3_600 * SECOND_NS
        log.append(one("fire/b"))
        assert [NOON_AT, NOON_AT] == [recorded.recorded_at for recorded in log.read(after=1)]

    def test_the_time_of_record_falls_when_a_clock_is_accepted(
        self, log: Log, clock: StillClock
    ) -> None:
        log.append(one("fire/a"))
        clock.ns -= 3_600 * SECOND_NS
        earlier = NOON_AT - timedelta(hours=1)
        accepted = Write("system", 1, [started(), ClockAccepted(at=earlier), started()])
        log.append(request(accepted))
        log.append(one("fire/b"))
        assert [NOON_AT, NOON_AT, earlier, earlier, earlier] == [
            recorded.recorded_at for recorded in log.read(after=1)
        ]
        assert log.verify().fault is None

    # -- refusals

    def test_an_append_holds_at_least_one_event(self, log: Log) -> None:
        with pytest.raises(BadInput, match="1 to 1,000 events"):
            log.append(request())
        with pytest.raises(BadInput, match="'job/b' holds no event"):
            log.append(request(write("job/a", 0), Write("job/b", 0, [])))

    def test_an_append_holds_at_most_so_many_events(self, log: Log) -> None:
        most = EVENTS_PER_APPEND_MAX
        assert Appended(2, most + 1) == log.append(request(write("job/a", 0, most)))
        with pytest.raises(BadInput, match="EVENTS_PER_APPEND_MAX"):
            log.append(request(write("job/b", 0, most), write("job/c", 0)))

    def test_an_event_that_is_too_large_is_refused(self, log: Log) -> None:
        large = AttemptFailed(run=RUN, attempt=1, kind="error", error="x" * EVENT_BYTES_MAX)
        with pytest.raises(BadInput, match="EVENT_BYTES_MAX"):
            log.append(request(write("job/a", 0), Write("fire/a", 0, [large])))
        assert 1 == log.head().position

    def test_an_event_that_could_not_be_read_again_is_refused(self, log: Log) -> None:
        jumped = ClockJumped(by_s=float("nan"), was=NOON_AT, now=NOON_AT)
        with pytest.raises(BadInput, match="clock-jumped"):
            log.append(request(Write("system", 1, [jumped])))

    @pytest.mark.parametrize("name", ["", "a\nb", "a\x00", "\ud800", "a" * (STREAM_CHARS_MAX + 1)])
    def test_a_stream_has_a_printable_name(self, log: Log, name: str) -> None:
        with pytest.raises(BadInput, match=r"\$\.stream"):
            log.append(one(name))

    @pytest.mark.parametrize("key", ["", "k\x7f", "k" * (KEY_CHARS_MAX + 1)])
    def test_a_key_is_printable(self, log: Log, key: str) -> None:
        with pytest.raises(BadInput, match=r"\$\.key"):
            log.append(one("job/a", key=key))

    def test_a_closed_log_refuses_requests(self, log: Log) -> None:
        log.close()
        with pytest.raises(Unreachable, match="closed"):
            log.append(one("fire/a"))

    # -- reading

    def test_a_page_begins_behind_one_position_and_ends_at_another(self, log: Log) -> None:
        log.append(request(write("fire/a", 0, 8)))
        found = log.read(after=3, until=7, limit=3)
        assert [4, 5, 6] == [recorded.position for recorded in found]
        assert [7] == [recorded.position for recorded in log.read(after=6, until=7)]
        assert [] == log.read(after=9)

    def test_one_stream_is_read_alone(self, log: Log) -> None:
        log.append(request(write("job/a", 0), write("job/b", 0, 3), write("job/a", 1, 2)))
        assert [(2, 1), (6, 2), (7, 3)] == [
            (recorded.position, recorded.version) for recorded in log.read(stream="job/a")
        ]
        assert [6] == [recorded.position for recorded in log.read(stream="job/a", after=2, limit=1)]
        assert [2] == [recorded.position for recorded in log.read(stream="job/a", until=5)]
        assert [] == log.read(stream="job/c")

    def test_a_page_is_bounded_whatever_is_asked(self, log: Log) -> None:
        for part in range(PAGE_EVENTS_MAX // EVENTS_PER_APPEND_MAX):
            log.append(request(write(f"fire/{part}", 0, EVENTS_PER_APPEND_MAX)))
        assert PAGE_EVENTS_MAX == len(log.read(limit=10 * PAGE_EVENTS_MAX))
        assert list(range(2, PAGE_EVENTS_MAX + 2)) == [event.position for event in log.follow(1)]

    def test_following_ends_at_the_head_of_its_beginning(self, log: Log) -> None:
        log.append(request(write("fire/a", 0, 3)))
        following = log.follow(0)
        seen = [next(following).position]
        log.append(one("fire/b"))
        seen += [recorded.position for recorded in following]
        assert [1, 2, 3, 4] == seen

    def test_waiting_ends_when_the_head_moves(self, log: Log) -> None:
        assert log.wait(0, 0.0)
        assert not log.wait(1, 0.0)
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(log.wait, 1, 60.0)
            log.append(one("fire/a"))
            assert waiting.result()

    def test_an_unknown_stream_is_at_version_0(self, log: Log) -> None:
        log.append(request(write("job/a", 0, 3)))
        assert (3, 0) == (log.version("job/a"), log.version("job/b"))

    def test_the_versions_of_several_streams_are_told_by_one_look(self, log: Log) -> None:
        log.append(request(write("job/a", 0, 3), write("fire/b", 0, 1)))
        asked = ["fire/b", "job/a", "job/none", "job/a"]
        assert {"job/a": 3, "fire/b": 1} == log.versions(asked)
        assert {} == log.versions([])

    # -- verification

    def test_a_sound_log_verifies_to_its_head(self, log: Log) -> None:
        log.append(request(write("fire/a", 0, 4), key="k1"))
        log.append(logged("fire/b", b"out"))
        report = log.verify()
        assert (6, log.head(), None) == (report.events, report.head, report.fault)

    def test_a_part_verifies_from_a_trusted_hash(self, log: Log) -> None:
        log.append(one("fire/a"))
        anchor = log.head()
        log.append(request(write("fire/b", 0, 3)))
        report = log.verify(after=anchor.position, trusted=anchor.hash)
        assert (3, log.head(), None) == (report.events, report.head, report.fault)
        assert 3 == log.verify(after=anchor.position).events

    def test_another_hash_than_the_trusted_one_is_a_fault(self, log: Log) -> None:
        log.append(one("fire/a"))
        report = log.verify(after=2, trusted=bytes(32))
        assert ("event 2 has another hash than the one trusted", 2) == (
            report.fault,
            report.position,
        )

    def test_verification_cannot_begin_behind_the_head(self, log: Log) -> None:
        assert "event 9, from which to verify, is not there" == log.verify(after=9).fault

    def test_named_content_that_was_never_kept_is_a_fault(self, log: Log) -> None:
        log.append(request(*logged("fire/a", b"out").writes))
        report = log.verify()
        assert report.fault is not None
        assert "named by event 2, is missing" in report.fault

    def test_digests_in_a_text_are_no_content(self, log: Log) -> None:
        name = '"digest":"' + 64 * "a"
        log.append(request(Write("job/a", 0, [JobRenamed(job=JobId("a"), name=name, was="b")])))
        assert log.verify().fault is None

    def test_meta_is_not_changed_by_a_key_of_one_event(self, log: Log) -> None:
        log.append(one("fire/a", key="k1"))
        assert META == log.read(after=1)[0].meta
