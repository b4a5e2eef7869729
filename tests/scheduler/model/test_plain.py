"""A definition comes in from people in their words and leaves in them; wrong fields are told."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import fields

from scheduler.model.content import Payload
from scheduler.model.errors import BadInput
from scheduler.model.jobs import DateRange, Definition, Exclude, Retry
from scheduler.model.plain import read_definition, write_definition
from scheduler.model.plain_dates import joined
from scheduler.model.schedules import Cron, Interval, Manual, Once
from tests.scheduler.model.written_jobs import FULL, LEAST, NOON, NOW, read

NEW_YEAR = date(2027, 1, 1)


def refused(plain: object) -> list[str]:
    with pytest.raises(BadInput) as error:
        read(plain)
    return [str(problem) for problem in error.value.problems]


def test_what_is_not_said_is_as_by_default() -> None:
    schedule = Cron(("0 9 * * *",), "Europe/Warsaw")
    assert Definition(name="report", service="api.sync", schedule=schedule) == read(LEAST)


def test_every_field_is_read() -> None:
    assert Definition(
        name="report",
        service="api.sync",
        schedule=Cron(("0 9 * * *",), "Europe/Warsaw"),
        start_at=NOON,
        end_at=datetime(2026, 8, 1, 12, tzinfo=UTC),
        max_runs=3,
        jitter=timedelta(seconds=20),
        exclude=Exclude(
            (DateRange(date(2026, 12, 24), date(2026, 12, 26)), DateRange(NEW_YEAR, NEW_YEAR)),
            "Europe/Warsaw",
        ),
        input=Payload(kind="json", text='{"day":"monday"}'),
        misfire_grace=timedelta(seconds=90),
        catch_up="all",
        catch_up_window=timedelta(days=2),
        catch_up_limit=7,
        overlap="queue",
        queue_limit=4,
        cancel_grace=timedelta(seconds=2),
        timeout=timedelta(minutes=5),
        retry=Retry(3, timedelta(seconds=1), 1.5, timedelta(minutes=1), timedelta(hours=1)),
        start_deadline=timedelta(hours=1),
        on_crash="hold",
        pause_after_failures=5,
        concurrency_key="the database",
        isolation="process",
        on_success="job:the next one",
        on_failure="service:api.alert",
        labels={"team": "sales"},
        description="the report",
        owner="ben",
        runbook="see the wiki",
    ) == read(FULL)


def test_the_example_of_every_field_leaves_none_out() -> None:
    assert {field.name for field in fields(Definition)} == set(FULL)


def test_instants_are_read_in_the_zone_of_the_schedule() -> None:
    plain = {**LEAST, "schedule": {"cron": "0 9 * * *", "timezone": "Asia/Tokyo"}}
    assert (
        datetime(2026, 7, 1, 5, tzinfo=UTC)
        == read({**plain, "start_at": "2026-07-01T14:00"}).start_at
    )


def test_nothing_at_all_is_told_field_by_field() -> None:
    assert ["$.name", "$.service", "$.schedule"] == [line.partition(":")[0] for line in refused({})]


@pytest.mark.parametrize("plain", [None, [], "report", 5])
def test_what_is_no_table_is_refused(plain: object) -> None:
    assert ["$"] == [line.partition(":")[0] for line in refused(plain)]


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        # in a hurry: the right thing in the wrong form
        ("timeout", 30, '$.timeout: 30 has no unit. For seconds write "30s"'),
        ("timeout", "5 minuts", "$.timeout: "),
        ("timeout", "1M", "$.timeout: "),
        ("max_runs", "3", '$.max_runs: got "3" instead of a whole number.'),
        ("max_runs", 3.5, "$.max_runs: got 3.5 instead of a whole number."),
        ("labels", "team=sales", '$.labels: got "team=sales" instead of a table of labels.'),
        ("labels", {"n": 1}, "$.labels.n: got 1 instead of a text."),
        ("private", "yes", '$.private: got "yes" instead of true or false.'),
        ("start_at", "tomorrow-ish", "$.start_at: "),
        ("start_at", "2026-03-29T02:30", "$.start_at: "),  # the clock skips it
        ("schedule", "0 9 * * *", '$.schedule: got "0 9 * * *" instead of a schedule.'),
        ("schedule", {"cron": "0 9 * *"}, "$.schedule.expressions[0]: got 4 fields instead of 5"),
        ("retry", 3, "$.retry: got 3 instead of a table of fields."),
        ("jitter", 20, '$.jitter: 20 has no unit. For seconds write "20s"'),
        ("cancel_grace", "soon", "$.cancel_grace: "),
        ("queue_limit", "4", '$.queue_limit: got "4" instead of a whole number.'),
        ("queue_limit", True, "$.queue_limit: got True instead of a whole number."),
        ("exclude", "christmas", '$.exclude: "christmas" is no date. Write a date as 2026-12-24'),
        ("exclude", {"timezone": "UTC"}, "$.exclude.dates: is missing."),
        ("pause_after_failures", "3 times", "$.pause_after_failures: got "),
        ("pause_after_failures", 2.0, "$.pause_after_failures: got 2.0 instead of a whole number."),
        ("concurrency_key", ["db"], "$.concurrency_key: got ['db'] instead of a text."),
        ("concurrency_key", 1, "$.concurrency_key: got 1 instead of a text."),
        ("retry", {"give_up_after": "next fire"}, "$.retry.give_up_after: "),
        ("retry", {"give_up_after": 60}, "$.retry.give_up_after: 60 has no unit. For seconds"),
        # half asleep: a slip of the hand
        ("exclude", ["2026-02-30"], '$.exclude[0]: "2026-02-30" is no date: day is out of range'),
        ("excludes", ["2026-12-24"], "$.excludes: is not a field. Did you mean exclude?"),
        ("overlap", "cancle", '$.overlap: "cancle" is none of skip, queue, allow, cancel.'),
        ("retry", {"until_next_fire": True}, "$.retry.until_next_fire: is not a field."),
        ("concurrency_key", "", "$.concurrency_key: is empty."),
        ("time_out", "5m", "$.time_out: is not a field. Did you mean timeout?"),
        ("retry", {"atempts": 3}, "$.retry.atempts: is not a field. Did you mean max_attempts?"),
        ("catch_up", "lates", '$.catch_up: "lates" is none of none, latest, all.'),
        ("name", "", "$.name: is empty."),
        ("name", " report ", '$.name: " report " begins or ends with a space. Write "report"'),
        ("service", "Api Sync", '$.service: "Api Sync" is no name of a service.'),
        # hostile
        ("name", "a\x1b]0;x\x07", '$.name: "a\\u001b]0;x\\u0007" holds the character U+001B'),
        ("name", "x" * 10_000, "$.name: has 10,000 characters; at most 200."),
        ("name", ["report"], "$.name: got ['report'] instead of a text."),
        (
            "schedule",
            {"cron": "* " * 1_000},
            "$.schedule.expressions[0]: got 1000 words instead of 5",
        ),
        (
            "schedule",
            {"cron": ["@daily"] * 1_000},
            "$.schedule.expressions: there are 1000 expressions",
        ),
        ("schedule", {"cron": "@daily", "timezone": "../../etc/passwd"}, "$.schedule.timezone: "),
        ("schedule", {"cron": "@daily", "timezone": "x" * 100_000}, "$.schedule.timezone: "),
        ("schedule", {"every": "9" * 5_000 + "s"}, "$.schedule.every: "),
        ("timeout", "1e999s", "$.timeout: "),
        ("timeout", float("nan"), "$.timeout: nan has no unit."),
        ("catch_up_limit", 10**100, "$.catch_up_limit: got 1000000"),
        ("retry", {"factor": float("inf")}, "$.retry.factor: got inf instead of a finite number."),
        ("end_at", "99999-01-01T00:00Z", "$.end_at: "),
        ("jitter", "-5s", "$.jitter: "),
        ("jitter", "9" * 400 + "d", "$.jitter: "),
        ("cancel_grace", float("-inf"), "$.cancel_grace: -inf has no unit."),
        ("queue_limit", -(10**100), "$.queue_limit: got -1000000"),
        ("exclude", "9999-99-99", '$.exclude: "9999-99-99" is no date: month must be'),
        ("exclude", ["0001-01-01", "0001-01-01"], "$.exclude: names a day outside the years 1970"),
        ("exclude", ["9999-12-31..9999-12-31"], "$.exclude: names a day outside the years 1970"),
        ("exclude", "\0", '$.exclude: "\\u0000" is no date.'),
        ("concurrency_key", "a\x1b[2J", '$.concurrency_key: "a\\u001b[2J" holds the character'),
        ("concurrency_key", "k" * 10_000, "$.concurrency_key: has 10,000 characters; at most 200."),
        ("pause_after_failures", 10**100, "$.pause_after_failures: got 1000000"),
        ("retry", {"give_up_after": "0s"}, "$.retry.give_up_after: is zero."),
        ("retry", {"give_up_after": "-1h"}, "$.retry.give_up_after: "),
        ("retry", {"give_up_after": ["next-fire"]}, "$.retry.give_up_after: got ['next-fire']"),
        ("input", "a\0", "$.input: the text holds a NUL character."),
        ("\0", 1, '$."\\u0000": is not a field.'),
    ],
)
def test_a_wrong_field_is_refused_alone_and_by_name(field: str, value: object, told: str) -> None:
    found = refused({**LEAST, field: value})
    assert 1 == len(found)
    assert found[0].startswith(told)


def test_problems_of_form_and_of_rule_are_told_together() -> None:
    found = refused({**LEAST, "name": "", "timeout": 5, "overlap": "never", "colour": "red"})
    assert {"$.name", "$.timeout", "$.overlap", "$.colour"} == {
        line.partition(":")[0] for line in found
    }


def test_problems_are_told_below_the_path_where_the_table_stands() -> None:
    with pytest.raises(BadInput) as error:
        read_definition({"name": ""}, now=NOW, timezone="UTC", path="jobs.report")
    paths = {problem.path for problem in error.value.problems}
    assert {"jobs.report.name", "jobs.report.service", "jobs.report.schedule"} == paths


days = (
    st.lists(st.tuples(st.dates(date(1970, 1, 1), date(2262, 1, 1)), st.integers(0, 40)))
    .filter(bool)
    .map(lambda found: joined(DateRange(at, at + timedelta(days=n)) for at, n in found))
)
definitions = st.builds(
    Definition,
    name=st.text("abc-ż日", min_size=1, max_size=20),
    service=st.just("api.sync"),
    schedule=st.one_of(
        st.builds(Cron, st.just(("0 9 * * *",)), st.sampled_from(["UTC", "Asia/Tokyo"])),
        st.builds(
            Interval, st.integers(1, 10**6).map(lambda s: timedelta(seconds=s)), st.just(NOON)
        ),
        st.just(Once(NOON)),
        st.just(Manual()),
    ),
    max_runs=st.none() | st.integers(1, 100),
    input=st.none()
    | st.sampled_from(
        [Payload(text="x"), Payload(kind="json", text="[1]"), Payload(kind="json", text="{}")]
    ),
    misfire_grace=st.integers(0, 10**9).map(lambda ms: timedelta(milliseconds=ms)),
    catch_up=st.sampled_from(["none", "latest", "all"]),
    catch_up_window=st.none() | st.integers(1, 10**9).map(lambda s: timedelta(seconds=s)),
    jitter=st.integers(0, 10**9).map(lambda ms: timedelta(milliseconds=ms)),
    exclude=st.none() | st.builds(Exclude, days, st.sampled_from(["UTC", "Asia/Tokyo"])),
    overlap=st.sampled_from(["skip", "queue", "allow"]),
    queue_limit=st.integers(1, 1_000),
    cancel_grace=st.integers(0, 10**9).map(lambda ms: timedelta(milliseconds=ms)),
    pause_after_failures=st.none() | st.integers(1, 1_000),
    concurrency_key=st.none() | st.text("abc-ż日", min_size=1, max_size=9),
    retry=st.builds(
        Retry,
        max_attempts=st.integers(1, 9),
        factor=st.floats(1, 1_000),
        give_up_after=st.integers(1, 10**9).map(lambda s: timedelta(seconds=s)),
    )
    | st.builds(Retry, until_next_fire=st.booleans()),
    private=st.just(False),
    on_success=st.none() | st.sampled_from(["job:the next one", "service:api.alert"]),
    on_failure=st.none() | st.just("job:report it"),
    labels=st.dictionaries(st.text("ab", min_size=1, max_size=3), st.text("xy z", max_size=5)),
    description=st.text("ab\n", max_size=5),
)


@given(definitions, st.booleans())
def test_what_is_written_is_read_as_the_same(definition: Definition, is_full: bool) -> None:  # noqa: FBT001  # drawn by Hypothesis
    written = write_definition(definition, is_full=is_full)
    assert (definition, {}) == read_definition(written, now=NOW, timezone="America/New_York")


def test_only_what_differs_from_the_defaults_is_written_unless_all_is_wanted() -> None:
    definition = read(LEAST)
    schedule = {"cron": "0 9 * * *", "timezone": "Europe/Warsaw"}
    assert {**LEAST, "schedule": schedule} == write_definition(definition)
    assert set(FULL) == set(write_definition(definition, is_full=True))


def test_a_large_input_is_written_whole_when_its_bytes_are_at_hand() -> None:
    definition, contents = read_definition({**LEAST, "input": "x" * 5_000}, now=NOW, timezone="UTC")
    assert "x" * 5_000 == write_definition(definition, content=contents.get)["input"]
    assert (definition, {}) == read_definition(
        write_definition(definition), now=NOW, timezone="UTC"
    )
