"""What a definition may hold: every rule at its path, all problems at once."""

import math
from datetime import UTC, date, datetime, timedelta, timezone

import msgspec
import pytest
from msgspec.structs import replace

from scheduler.model import validation
from scheduler.model.content import Payload
from scheduler.model.errors import BadInput, Problem
from scheduler.model.jobs import DateRange, Definition, Exclude, Retry
from scheduler.model.limits import (
    CATCH_UP_FIRES_MAX,
    DEFINITION_BYTES_MAX,
    DURATION_MAX,
    EXCLUDED_RANGES_MAX,
    EXPRESSIONS_MAX,
    FAILURES_IN_ROW_MAX,
    INPUT_BYTES_MAX,
    LABEL_CHARS_MAX,
    LABELS_MAX,
    NAME_CHARS_MAX,
    QUEUE_MAX,
    RETRY_ATTEMPTS_MAX,
    RETRY_FACTOR_MAX,
    RUNS_MAX,
    SERVICE_CHARS_MAX,
    TEXT_CHARS_MAX,
    YEAR_MAX,
    YEAR_MIN,
)
from scheduler.model.schedules import Cron, Interval, Manual, Once, Schedule
from scheduler.model.validation import problems_of, validate

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
SOUND = Definition(name="report", service="api.sync", schedule=Cron(("0 9 * * *",), "UTC"))


def told(definition: Definition) -> list[str]:
    return [f"{problem.path}: {problem.message}" for problem in problems_of(definition)]


def test_a_sound_definition_has_no_problem() -> None:
    validate(SOUND)
    assert [] == problems_of(SOUND)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("", "is empty."),
        ("x" * (NAME_CHARS_MAX + 1), "has 201 characters; at most 200."),
        ("a\0b", '"a\\u0000b" holds the character U+0000, which cannot be printed.'),
        ("a\nb", '"a\\u000ab" holds the character U+000A, which cannot be printed.'),
        ("a\x1b[31m", '"a\\u001b[31m" holds the character U+001B, which cannot be printed.'),
        ("a\u202eb", '"a\\u202eb" holds the character U+202E, which cannot be printed.'),
        ("\ud800", '"\\ud800" holds the character U+D800, which cannot be printed.'),
        ("a\u2028b", '"a\\u2028b" holds the character U+2028, which cannot be printed.'),
        (" report", '" report" begins or ends with a space.'),
        (
            "0193f6a2-7c1e-7abc-8def-0123456789ab",
            '"0193f6a2-7c1e-7abc-8def-0123456789ab" has the form of a job\'s id.',
        ),
    ],
)
def test_a_name_is_printable_short_and_no_id(name: str, why: str) -> None:
    assert [f"$.name: {why}"] == told(replace(SOUND, name=name))


@pytest.mark.parametrize(
    "name", ["x", "x" * NAME_CHARS_MAX, "Zażółć gęślą", "日次レポート", "a/b c#1", "-x"]
)
def test_a_name_may_be_in_any_script(name: str) -> None:
    assert [] == told(replace(SOUND, name=name))


@pytest.mark.parametrize(
    "service", ["", "Api", "1x", "a b", "a/b", "a\n", "x" * (SERVICE_CHARS_MAX + 1), "ż", "-a"]
)
def test_a_service_has_the_name_of_a_service(service: str) -> None:
    assert ["$.service"] == [
        line.partition(":")[0] for line in told(replace(SOUND, service=service))
    ]


@pytest.mark.parametrize("field", ["on_success", "on_failure"])
@pytest.mark.parametrize(
    ("callback", "why"),
    [
        ("report", '"report" names neither a job nor a service.'),
        ("", '"" names neither a job nor a service.'),
        ("Job:report", '"Job:report" names neither a job nor a service.'),
        ("http://example.com", '"http://example.com" names neither a job nor a service.'),
        ("job:", "is empty."),
        ("job: report", '" report" begins or ends with a space.'),
        ("service:", "is empty."),
        ("service:Api", '"Api" is no name of a service.'),
    ],
)
def test_a_callback_names_a_job_or_a_service(field: str, callback: str, why: str) -> None:
    assert [f"$.{field}: {why}"] == told(replace(SOUND, **{field: callback}))


@pytest.mark.parametrize("callback", ["job:the next: one", "job:日次", "service:api.alert"])
def test_a_callback_may_be_any_job_or_service(callback: str) -> None:
    assert [] == told(replace(SOUND, on_success=callback, on_failure=callback))


def test_a_callback_without_its_kind_is_told_how_to_write_it() -> None:
    [problem] = problems_of(replace(SOUND, on_success="report"))
    assert 'Write "job:report" or "service:report"' == problem.hint


@pytest.mark.parametrize("service", ["a", "api.scheduler.sync", "x-1_2.y", "x" * SERVICE_CHARS_MAX])
def test_a_service_name_is_lower_case_dotted(service: str) -> None:
    assert [] == told(replace(SOUND, service=service))


@pytest.mark.parametrize(
    ("schedule", "line"),
    [
        (Cron(()), "$.schedule.expressions: there are 0 expressions; at least 1, at most 16."),
        (
            Cron(("@daily",) * (EXPRESSIONS_MAX + 1)),
            "$.schedule.expressions: there are 17 expressions;",
        ),
        (Cron(("@daily", "0 9 31 2 *")), '$.schedule.expressions[1]: "0 9 31 2 *" never fires'),
        (
            Cron(("0 9 * * *",), seconds=True),
            "$.schedule.expressions[0]: got 5 fields instead of 6",
        ),
        (Cron(("@daily",), "Mars/Olympus"), '$.schedule.timezone: there is no time zone "Mars'),
        (Cron(("@daily",), gap="both"), '$.schedule.gap: "both" is none of after, skip.'),  # type: ignore[arg-type]  # wrong on purpose
        (Cron(("@daily",), fold="both"), '$.schedule.fold: "both" is none of first, last.'),  # type: ignore[arg-type]  # wrong on purpose
        (Interval(timedelta(0), NOON), "$.schedule.every: is shorter than a second."),
        (
            Interval(timedelta(milliseconds=999), NOON),
            "$.schedule.every: is shorter than a second.",
        ),
        (Interval(-DAY, NOON), "$.schedule.every: is shorter than a second."),
        (
            Interval(timedelta(seconds=1.5), NOON),
            "$.schedule.every: is no whole number of seconds.",
        ),
        (Interval(DURATION_MAX + DAY, NOON), "$.schedule.every: is longer than a hundred years."),
        (Interval(DAY, NOON.replace(microsecond=1)), "$.schedule.anchor: is no whole second."),
        (
            Once(NOON.replace(year=YEAR_MIN - 1)),
            "$.schedule.at: lies in the year 1969; from 1970 to 2262.",
        ),
        (
            Once(NOON.replace(year=YEAR_MAX + 1)),
            "$.schedule.at: lies in the year 2263; from 1970 to 2262.",
        ),
        (Once(NOON.replace(tzinfo=timezone(timedelta(hours=1)))), "$.schedule.at: is not in UTC."),
        (Once(NOON.replace(tzinfo=None)), "$.schedule.at: is not in UTC."),
    ],
)
def test_a_schedule_is_judged_field_by_field(schedule: Schedule, line: str) -> None:
    found = told(replace(SOUND, schedule=schedule))
    assert 1 == len(found)
    assert found[0].startswith(line)


def test_an_end_before_the_start_is_refused() -> None:
    definition = replace(SOUND, start_at=NOON, end_at=NOON - DAY)
    assert ["$.end_at: lies before start_at."] == told(definition)


@pytest.mark.parametrize(
    ("schedule", "start_at", "end_at", "line"),
    [
        (
            Cron(("0 0 1 1 *",)),
            NOON,
            NOON + DAY,
            "$.end_at: never fires within start_at and end_at.",
        ),
        (Once(NOON), NOON + DAY, None, "$.schedule: never fires within start_at and end_at."),
        (Once(NOON), None, NOON - DAY, "$.end_at: never fires within start_at and end_at."),
        (
            Interval(DAY, NOON),
            None,
            NOON - DAY,
            "$.end_at: never fires within start_at and end_at.",
        ),
    ],
)
def test_bounds_that_hold_no_fire_time_are_refused(
    schedule: Schedule, start_at: datetime | None, end_at: datetime | None, line: str
) -> None:
    assert [line] == told(replace(SOUND, schedule=schedule, start_at=start_at, end_at=end_at))


@pytest.mark.parametrize(
    ("schedule", "start_at", "end_at"),
    [
        (Once(NOON), NOON, NOON),
        (Cron(("0 12 1 7 *",)), NOON, NOON),
        (Interval(DAY, NOON), NOON, NOON),
        (Interval(DAY), NOON, NOON + DAY),
        (Manual(), NOON, NOON),
    ],
)
def test_bounds_are_inclusive(schedule: Schedule, start_at: datetime, end_at: datetime) -> None:
    assert [] == told(replace(SOUND, schedule=schedule, start_at=start_at, end_at=end_at))


@pytest.mark.parametrize(
    ("definition", "line"),
    [
        (replace(SOUND, max_runs=0), "$.max_runs: got 0; from 1 to 1,000,000,000."),
        (replace(SOUND, max_runs=RUNS_MAX + 1), "$.max_runs: got 1000000001; from 1 to 1,000,000,"),
        (replace(SOUND, max_runs=10**40), "$.max_runs: got 1000000000000000000000000000000000000"),
        (replace(SOUND, catch_up_limit=0), "$.catch_up_limit: got 0; from 1 to 10,000."),
        (
            replace(SOUND, catch_up_limit=CATCH_UP_FIRES_MAX + 1),
            "$.catch_up_limit: got 10001; from 1 to 10,000.",
        ),
        (replace(SOUND, queue_limit=0), "$.queue_limit: got 0; from 1 to 1,000."),
        (
            replace(SOUND, queue_limit=QUEUE_MAX + 1),
            "$.queue_limit: got 1001; from 1 to 1,000.",
        ),
        (
            replace(SOUND, pause_after_failures=FAILURES_IN_ROW_MAX + 1),
            "$.pause_after_failures: got 1001; from 1 to 1,000.",
        ),
        (replace(SOUND, misfire_grace=-DAY), "$.misfire_grace: is no length of time."),
        (replace(SOUND, timeout=timedelta(0)), "$.timeout: is zero."),
        (replace(SOUND, timeout=-DAY), "$.timeout: is no length of time."),
        (replace(SOUND, timeout=DURATION_MAX + DAY), "$.timeout: is longer than a hundred years."),
        (replace(SOUND, catch_up_window=timedelta(0)), "$.catch_up_window: is zero."),
        (replace(SOUND, start_deadline=timedelta(0)), "$.start_deadline: is zero."),
        (
            replace(SOUND, retry=Retry(max_attempts=0)),
            "$.retry.max_attempts: got 0; from 1 to 1,000.",
        ),
        (
            replace(SOUND, retry=Retry(max_attempts=RETRY_ATTEMPTS_MAX + 1)),
            "$.retry.max_attempts: got 1001; from 1 to 1,000.",
        ),
        (replace(SOUND, retry=Retry(initial=-DAY)), "$.retry.initial: is no length of time."),
        (
            replace(SOUND, retry=Retry(factor=0.5)),
            "$.retry.factor: 0.5 is no factor from 1 to 1,000.",
        ),
        (
            replace(SOUND, retry=Retry(factor=RETRY_FACTOR_MAX + 0.5)),
            "$.retry.factor: 1000.5 is no factor from 1 to 1,000.",
        ),
        (replace(SOUND, retry=Retry(factor=math.nan)), "$.retry.factor: nan is no factor"),
        (replace(SOUND, retry=Retry(factor=math.inf)), "$.retry.factor: inf is no factor"),
        (
            replace(SOUND, retry=Retry(initial=timedelta(hours=1))),
            "$.retry.max_delay: 10m is shorter",
        ),
        (replace(SOUND, catch_up="some"), '$.catch_up: "some" is none of none, latest, all.'),
        (replace(SOUND, overlap="wait"), '$.overlap: "wait" is none of skip, queue, allow'),
        (replace(SOUND, on_crash=""), '$.on_crash: "" is none of retry, fail, hold.'),
        (replace(SOUND, isolation="vm"), '$.isolation: "vm" is none of thread, process.'),
        (
            replace(SOUND, labels={str(n): "" for n in range(LABELS_MAX + 1)}),
            "$.labels: there are 65 labels; at",
        ),
        (replace(SOUND, labels={"": "x"}), '$.labels."": is no label\'s name.'),
        (replace(SOUND, labels={"a=b": "x"}), '$.labels."a=b": is no label\'s name.'),
        (
            replace(SOUND, labels={"a": "x" * (LABEL_CHARS_MAX + 1)}),
            "$.labels.a: is longer than 200 characters.",
        ),
        (
            replace(SOUND, labels={"a": "x\n"}),
            "$.labels.a: holds a character that cannot be printed.",
        ),
        (
            replace(SOUND, description="x" * (TEXT_CHARS_MAX + 1)),
            "$.description: has 4,001 characters; at most 4,000.",
        ),
        (replace(SOUND, description="a\x1b[2J"), "$.description: holds a control character."),
        (replace(SOUND, owner="\ud800"), "$.owner: is not valid Unicode"),
        (replace(SOUND, runbook="a\0"), "$.runbook: holds a NUL character."),
        (replace(SOUND, input=Payload(text="x\0")), "$.input: holds a NUL character."),
        (
            replace(SOUND, input=Payload(text="x" * (INPUT_BYTES_MAX + 1))),
            "$.input: has 524,289 bytes; at most 524,288.",
        ),
        (
            replace(SOUND, input=Payload(digest="x", size=INPUT_BYTES_MAX + 1)),
            "$.input: has 524,289 bytes; at most",
        ),
    ],
)
def test_a_field_out_of_bounds_is_refused_alone(definition: Definition, line: str) -> None:
    found = told(definition)
    assert 1 == len(found)
    assert found[0].startswith(line)


def test_fields_that_are_sound_alone_must_fit_in_one_event() -> None:
    labels = {f"{number:03}{'k' * 197}": "\U0001d11e" * 200 for number in range(60)}
    crowded = replace(SOUND, labels=labels, description="x")
    room = DEFINITION_BYTES_MAX - len(msgspec.json.encode(crowded)) + 1
    assert [] == told(replace(crowded, description="x" * room))
    assert ["$: labels and texts make it 61,441 bytes large; at most 61,440."] == told(
        replace(crowded, description="x" * (room + 1))
    )


def test_so_many_ranges_of_days_and_no_more_are_excluded() -> None:
    first = date(2026, 1, 1)
    days = [first + 2 * number * DAY for number in range(EXCLUDED_RANGES_MAX + 1)]
    ranges = tuple(DateRange(day, day) for day in days)
    assert [] == told(replace(SOUND, exclude=Exclude(ranges[1:], "UTC")))
    assert ["$.exclude: there are 1,001 ranges of days; from 1 to 1,000."] == told(
        replace(SOUND, exclude=Exclude(ranges, "UTC"))
    )


@pytest.mark.parametrize(("zone", "lines"), [("UTC", 1), ("Pacific/Kiritimati", 0)])
def test_a_one_time_job_on_an_excluded_day_is_refused(zone: str, lines: int) -> None:
    day = DateRange(NOON.date(), NOON.date())  # in Kiritimati it is the next day already
    found = told(replace(SOUND, schedule=Once(NOON), exclude=Exclude((day,), zone)))
    assert ["$.exclude: leaves out the only fire time."][:lines] == found


def test_a_description_may_have_lines() -> None:
    assert [] == told(replace(SOUND, description="one\n\ttwo\r\nthree"))


def test_a_sound_definition_is_judged_once(monkeypatch: pytest.MonkeyPatch) -> None:
    definition, alike = replace(SOUND), replace(SOUND)
    validate(definition)
    nothing_is_sound = Problem("$", "is judged.")
    monkeypatch.setattr(validation, "_judged", lambda _: [nothing_is_sound])
    assert [] == problems_of(definition)
    assert [nothing_is_sound] == problems_of(alike)


def test_labels_that_were_changed_are_judged_again() -> None:
    definition = replace(SOUND, labels={"team": "sales"})
    validate(definition)
    definition.labels[""] = "nobody"
    assert ['$.labels."": is no label\'s name.'] == told(definition)


def test_all_problems_are_told_at_once() -> None:
    definition = replace(SOUND, name="", service="", timeout=timedelta(0), retry=Retry(factor=0))
    with pytest.raises(BadInput) as refused:
        validate(definition)
    assert ["$.name", "$.service", "$.timeout", "$.retry.factor"] == [
        problem.path for problem in refused.value.problems
    ]
