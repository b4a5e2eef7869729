"""`/api/v1` as somebody sees it who has no client of ours: strict, plain, and telling."""

import os
from concurrent.futures import Future
from datetime import timedelta
from typing import Any

import pytest
from starlette.exceptions import HTTPException

from scheduler.model.errors import Unreachable
from scheduler.model.limits import BATCH_WISHES_MAX, BODY_BYTES_MAX, KEY_CHARS_MAX
from tests.tools.web.conftest import Send
from tools.serving import Served
from tools.web.api import ended

JOBS = "/api/v1/jobs"
PROBLEM = "application/problem+json"
MANUAL = {"name": "report", "service": "say.hello", "schedule": {"kind": "none"}}


def define(send: Send, **fields: object) -> str:
    answer = send("POST", JOBS, {"definition": {**MANUAL, **fields}})
    assert 200 == answer.status, answer
    facts: Any = answer.value["facts"]
    return str(facts[0]["body"]["job"])


def test_a_job_is_defined_with_curl_and_read_again(send: Send) -> None:
    job = define(send, schedule={"cron": "0 9 * * *"})
    answer = send("GET", f"{JOBS}/report")
    assert (200, "application/json") == (answer.status, answer.kind)
    assert (job, {"cron": "0 9 * * *", "timezone": "UTC"}) == (
        answer.value["job_id"],
        answer.value["schedule"],
    )


def test_a_job_is_reached_by_its_name_and_by_the_beginning_of_its_id(send: Send) -> None:
    job = define(send)
    assert 200 == send("POST", f"{JOBS}/report/pause").status
    assert 200 == send("POST", f"{JOBS}/{job[:13]}/resume", {"missed": "all"}).status
    assert 404 == send("POST", f"{JOBS}/rapport/pause").status


def test_the_user_at_the_other_end_is_the_actor_whatever_the_headers_say(
    send: Send, served: Served
) -> None:
    forged = {"X-Forwarded-For": "root", "Forwarded": "for=root", "X-Real-IP": "root"}
    send("POST", JOBS, {"definition": MANUAL}, forged)
    meta = served.log.read(after=served.log.head().position - 1)[0].meta
    assert meta is not None
    assert f"uid {os.getuid()}" == meta.actor.partition(" (")[0]


def test_a_key_in_the_header_makes_a_repeat_harmless(send: Send) -> None:
    job = define(send)
    first = send("POST", f"{JOBS}/{job}/runs", {"input": "x"}, {"Idempotency-Key": "k"})
    again = send("POST", f"{JOBS}/{job}/runs", {"input": "x"}, {"Idempotency-Key": "k"})
    assert (first.value["first"], True) == (again.value["first"], again.value["repeated"])
    other = send("POST", f"{JOBS}/{job}/runs", {"input": "y"}, {"Idempotency-Key": "k"})
    assert (422, 5) == (other.status, other.value["exit_code"])


def test_a_dry_run_stores_nothing(send: Send, served: Served) -> None:
    before = served.log.head()
    answer = send("POST", f"{JOBS}?dry_run=true", {"definition": MANUAL})
    assert (200, None) == (answer.status, answer.value["last"])
    assert before == served.log.head()


@pytest.mark.parametrize(
    ("method", "path", "status", "exit_code"),
    [
        ("GET", "/", 404, 3),
        ("GET", "/api/v2/jobs", 404, 3),
        ("GET", "/api/v1/jobs/../../etc/passwd", 404, 3),
        ("GET", "/api/v1/jobs/nobody", 404, 3),
        ("GET", "/api/v1/runs/0193f6a2-7c1e-8abc-8def-0123456789ab", 404, 3),
        ("DELETE", "/api/v1/jobs/0193f6a2-7c1e-7abc-8def-0123456789ab", 404, 3),
        ("PATCH", JOBS, 405, 2),
        ("POST", "/api/v1/status", 405, 2),
        ("GET", f"{JOBS}?colour=red", 400, 2),
        ("GET", f"{JOBS}?limit=0", 400, 2),
        ("GET", f"{JOBS}?limit=1&limit=2", 400, 2),
        ("POST", f"{JOBS}?dry_run=yes", 400, 2),
        ("POST", f"{JOBS}?dryrun=true", 400, 2),
        ("GET", "/api/v1/status?verbose=1", 400, 2),
    ],
)
def test_a_wrong_address_is_told_as_a_problem(
    refuse: Send, method: str, path: str, status: int, exit_code: int
) -> None:
    answer = refuse(method, path)
    assert (status, PROBLEM, status, exit_code) == (
        answer.status,
        answer.kind,
        answer.value["status"],
        answer.value["exit_code"],
    )


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"{", "$: this is not JSON: "),
        (b"\xff\xfe", "$: byte 0 is not UTF-8."),
        (b'{"definition": {}, "definition": {}}', '$: the key "definition" stands twice'),
        (b'{"definition": {"timeout": NaN}}', "$: NaN is no number in JSON."),
        (b'{"definition": {"name": "a\\u0000"}}', "$.definition.name: the text holds a NUL"),
        (b'{"definition": {"name": "\\ud800"}}', "$.definition.name: the text is not valid"),
        (b"[" * 33 + b"]" * 33, "nested more than 32 deep."),
        (b"[" * 100_000, "$: this is nested more than 32 deep."),
        (b"5", "$: got 5 instead of a table of fields."),
        (b'{"definition": []}', "$: got [] instead of a table of fields."),
        (b'{"colour": 1}', "$.colour: is not a field."),
    ],
)
def test_a_wrong_body_is_told_by_its_field(refuse: Send, body: bytes, told: str) -> None:
    answer = refuse("POST", JOBS, body)
    assert (400, PROBLEM, 2) == (answer.status, answer.kind, answer.value["exit_code"])
    assert told in str(answer.value["detail"])


def test_every_wrong_field_is_told_with_its_hint(refuse: Send) -> None:
    answer = refuse("POST", JOBS, {"definition": {**MANUAL, "name": "", "timeout": 5}})
    problems: Any = answer.value["problems"]
    assert [
        ("$.timeout", 'For seconds write "5s"'),
        ("$.name", "Give the job a name, as in nightly-report"),
    ] == [(problem["path"], problem["hint"]) for problem in problems]


POLICIES: dict[str, object] = {
    "jitter": "20s",
    "exclude": ["2026-12-24..2026-12-26"],
    "overlap": "queue",
    "queue_limit": 3,
    "cancel_grace": "2s",
    "retry": {"max_attempts": 3, "give_up_after": "next-fire"},
    "pause_after_failures": 5,
    "concurrency_key": "the database",
}


def test_every_policy_is_taken_and_given_back_as_it_was_written(send: Send) -> None:
    job = define(send, schedule={"cron": "0 9 * * *", "timezone": "Europe/Warsaw"}, **POLICIES)
    definition: Any = send("GET", f"{JOBS}/{job}").value["definition"]
    assert POLICIES == {field: definition[field] for field in POLICIES}


@pytest.mark.parametrize(
    ("field", "value", "path"),
    [
        ("jitter", 20, "$.jitter"),
        ("jitter", "-1s", "$.jitter"),
        ("exclude", "christmas", "$.exclude"),
        ("exclude", {"dates": 5}, "$.exclude.dates"),
        ("exclude", ["0001-01-01", "0001-01-01"], "$.exclude"),
        ("exclude", [[]], "$.exclude[0]"),
        ("overlap", "cancle", "$.overlap"),
        ("queue_limit", 1.0, "$.queue_limit"),
        ("queue_limit", -1, "$.queue_limit"),
        ("cancel_grace", {}, "$.cancel_grace"),
        ("pause_after_failures", 0, "$.pause_after_failures"),
        ("concurrency_key", "k" * 10_000, "$.concurrency_key"),
        ("concurrency_key", "\u202e", "$.concurrency_key"),
        ("retry", {"give_up_after": "nextfire"}, "$.retry.give_up_after"),
    ],
)
def test_a_wrong_policy_is_told_by_its_field(
    refuse: Send, field: str, value: object, path: str
) -> None:
    answer = refuse("POST", JOBS, {"definition": {**MANUAL, field: value}})
    assert (400, PROBLEM, 2) == (answer.status, answer.kind, answer.value["exit_code"])
    problems: Any = answer.value["problems"]
    assert [path] == [problem["path"] for problem in problems]


def test_a_fire_time_is_passed_over_and_restored(send: Send) -> None:
    job = define(send, schedule={"cron": "0 9 1 1 *"})
    first = send("POST", f"{JOBS}/{job}/skip-next", {"reason": "holiday"})
    facts: Any = first.value["facts"]
    assert (200, ["next-fire-skipped"]) == (first.status, [fact["type"] for fact in facts])
    at = facts[0]["body"]["fire_time"]
    assert [at] == send("GET", f"{JOBS}/{job}").value["skipping"]
    again = send("POST", f"{JOBS}/{job}/skip-next", {"fire_time": at})
    assert (200, []) == (again.status, again.value["facts"])
    assert 200 == send("POST", f"{JOBS}/{job}/restore-next").status
    assert [] == send("GET", f"{JOBS}/{job}").value["skipping"]


def test_a_pause_with_an_end_is_asked_for_dry_and_done(send: Send, served: Served) -> None:
    job = define(send, schedule={"cron": "0 9 1 1 *"})
    body = {"until": "2200-01-01T00:00Z", "missed": "latest"}
    before = served.log.head()
    assert 200 == send("POST", f"{JOBS}/{job}/pause?dry_run=true", body).status
    assert before == served.log.head()
    assert 200 == send("POST", f"{JOBS}/{job}/pause", body).status
    row = send("GET", f"{JOBS}/{job}").value
    assert ("paused", "2200-01-01T00:00:00Z", "latest") == (
        row["status"],
        row["paused_until"],
        row["pause_missed"],
    )
    assert 200 == send("POST", "/api/v1/system/pause", body).status


@pytest.mark.parametrize(
    ("verb", "body", "path"),
    [
        ("pause", {"until": "1999-01-01"}, "$.until"),
        ("pause", {"until": "soon"}, "$.until"),
        ("pause", {"missed": "all"}, "$.missed"),
        ("skip-next", {"fire_time": "1999-01-01"}, "$.fire_time"),
        ("skip-next", {"fire_time": "2100-01-01T09:01Z"}, "$.fire_time"),
        ("skip-next", {"fire_time": ["now"]}, "$.fire_time"),
    ],
)
def test_a_wrong_end_or_fire_time_is_told_by_its_field(
    send: Send, served: Served, verb: str, body: object, path: str
) -> None:
    job = define(send, schedule={"cron": "0 9 1 1 *"})
    before = served.log.head()
    answer = send("POST", f"{JOBS}/{job}/{verb}", body)
    problems: Any = answer.value["problems"]
    assert (400, PROBLEM, [path]) == (
        answer.status,
        answer.kind,
        [problem["path"] for problem in problems],
    )
    assert before == served.log.head()


def test_a_body_that_is_too_large_is_read_no_further(refuse: Send) -> None:
    answer = refuse("POST", JOBS, b" " * (BODY_BYTES_MAX + 1))
    assert (413, 2) == (answer.status, answer.value["exit_code"])


def test_an_executor_that_does_not_answer_is_not_waited_for_without_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tools.web.api.DECISION_PATIENCE", timedelta(milliseconds=1))
    told = ended(Future())
    assert isinstance(told, Unreachable)
    assert "whether this was stored is in doubt" in str(told)


@pytest.mark.parametrize("key", ["", "x" * (KEY_CHARS_MAX + 1), "a\tb"])
def test_a_wrong_key_is_refused(refuse: Send, key: str) -> None:
    answer = refuse("POST", JOBS, {"definition": MANUAL}, {"Idempotency-Key": key})
    assert (400, 2) == (answer.status, answer.value["exit_code"])


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (None, "$: is no batch."),
        ({"wishes": 5}, "$: is no batch."),
        ({"wishes": [], "more": 1}, "$: is no batch."),
        (
            {"wishes": [{}] * (BATCH_WISHES_MAX + 1)},
            "$.wishes: there are 501; at most 500 at a time.",
        ),
    ],
)
def test_a_wrong_batch_is_refused_whole(refuse: Send, body: object, told: str) -> None:
    answer = refuse("POST", "/api/v1/batch", body)
    assert 400 == answer.status
    assert str(answer.value["detail"]).startswith(told)


def test_an_empty_batch_is_answered(refuse: Send) -> None:
    assert {"answers": []} == refuse("POST", "/api/v1/batch", {"wishes": []}).value


def test_a_wrong_entry_of_a_batch_spoils_no_other(send: Send) -> None:
    good = {"command": "define-job", "definition": MANUAL}
    answer = send("POST", "/api/v1/batch", {"wishes": [{"command": "tick"}, good, 5]})
    answers: Any = answer.value["answers"]
    assert ["problem", "facts", "problem"] == [
        "problem" if "problem" in one else "facts" for one in answers
    ]


def test_a_private_input_is_not_in_the_answer(send: Send) -> None:
    job = define(send, private=True)
    answer = send("POST", f"{JOBS}/{job}/runs", {"input": "hush"})
    assert 200 == answer.status
    assert "hush" not in str(answer.value)


def test_the_status_says_how_the_server_stands(send: Send, served: Served) -> None:
    define(send)
    value = send("GET", "/api/v1/status").value
    assert (True, str(served.log.path), os.getpid(), 1, 1, None, 9, []) == (
        value["serving"],
        value["db"],
        value["pid"],
        value["epoch"],
        value["jobs"],
        value["fault"],
        value["services"],
        value["services_missing"],
    )


def test_a_server_that_can_decide_is_ready(refuse: Send) -> None:
    answer = refuse("GET", "/api/v1/readiness")
    assert (200, True, None, 0) == (
        answer.status,
        answer.value["is_ready"],
        answer.value["why"],
        answer.value["owed"],
    )


def test_the_status_is_told_while_no_thread_is_free(
    send: Send, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def taken(*_: object) -> None:
        raise HTTPException(503, "every thread waits for the disk")

    monkeypatch.setattr("tools.web.api.run_in_threadpool", taken)
    assert 503 == send("POST", JOBS, {"definition": MANUAL}).status
    assert 200 == send("GET", "/api/v1/status").status


def test_a_defect_is_told_without_the_inside(
    send: Send,
    served: Served,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def broken(*_: object, **__: object) -> object:
        raise ZeroDivisionError("the secret inside")

    monkeypatch.setattr(served.executor, "ask_all", broken)
    answer = send("POST", JOBS, {"definition": MANUAL})
    assert (500, PROBLEM, 1) == (answer.status, answer.kind, answer.value["exit_code"])
    assert "secret" not in str(answer.value)
    served.stop()  # by then it has been logged
    assert "the secret inside" in caplog.text
