"""The main job, row by row, with real servers and the real command, when all is well."""

from datetime import UTC, datetime, timedelta
from email.message import EmailMessage

import msgspec
import pytest

from tests.acceptance.site import DATA, Site
from tests.crash.waiting import let_pass
from tests.servers import Answer, free_port

pytestmark = pytest.mark.acceptance
SYNC = "api.scheduler.sync"


def attachment(message: EmailMessage) -> tuple[str | None, bytes]:
    (part,) = message.iter_attachments()
    content = part.get_payload(decode=True)
    assert isinstance(content, bytes)
    return part.get_filename(), content


def test_a1_every_connection_answers_and_a_wrong_port_is_told(site: Site) -> None:
    assert "answers" in site.say("connection", "ping", "--all")
    wrong = free_port()
    site.settings(smtp=wrong)
    told = site.say("connection", "ping", "My SMTP", code=1)
    assert "My SMTP" in told
    assert str(wrong) in told
    assert "Traceback" not in told


def test_a2_a_one_time_job_runs_exactly_once_whatever_restarts(site: Site) -> None:
    shown = site.json("job", "add", "sync.once", SYNC, "--at", "in 3s")
    assert 1 == len(shown["fires"])
    site.serve()
    site.ended("sync.once")
    for _ in range(2):
        site.stop()
        site.serve()
    assert 1 == len(site.runs("sync.once"))
    assert "exhausted" == site.json("job", "show", "sync.once")["status"]
    assert 1 == len(site.mail.taken)


def test_a3_an_interval_fires_on_its_grid_and_not_beyond_its_runs(site: Site) -> None:
    site.say("job", "add", "sync.interval", SYNC, "--every", "2s", "--max-runs", "3")
    site.serve()
    site.ended("sync.interval", 2)
    site.stop()
    site.serve()
    runs = site.ended("sync.interval", 3)
    times = [datetime.fromisoformat(run["fire_time"]) for run in runs]
    grid = {(at - times[0]) % timedelta(seconds=2) for at in times}
    assert {timedelta()} == grid
    assert "exhausted" == site.json("job", "show", "sync.interval")["status"]


def test_a4_cron_jobs_show_their_fires_and_refuse_what_is_wrong(site: Site) -> None:
    shown = site.json("job", "add", "sync.cron", SYNC, "--cron", "* * * * *")
    assert 5 == len(shown["fires"])
    warsaw = site.json("job", "add", "hourly", SYNC, "--cron", "@hourly", "--tz", "Europe/Warsaw")
    for fire in warsaw["fires"]:
        local = datetime.fromisoformat(fire["local"])
        assert local.utcoffset() in {timedelta(hours=1), timedelta(hours=2)}
        assert datetime.fromisoformat(fire["utc"]) == local
    assert "expressions[0]" in site.say("job", "add", "x", SYNC, "--cron", "61 * * * *", code=2)
    site.serve()
    (run, *_) = site.ended("sync.cron", seconds=120)  # the next minute must come
    assert 0 == datetime.fromisoformat(run["fire_time"]).second
    assert datetime.fromisoformat(run["started_at"]) >= datetime.fromisoformat(run["fire_time"])


@pytest.mark.parametrize("data", [DATA, "id,name\n1,Zażółć gęślą jaźń · 漢字\n"])
def test_a5_each_run_fetches_stores_and_mails_the_same_text(site: Site, data: str) -> None:
    site.web.answer = Answer(body=data.encode())
    site.say("job", "add", "sync", SYNC, "--manual")
    site.serve()
    site.say("run", "start", "sync", "--wait")
    assert 1 == site.hits()
    assert data == site.stored()
    (taken,) = site.mail.taken
    assert {"hello@example.com", "hello.cc@example.com"} == set(taken.recipients)
    message = taken.message
    assert ("New data", "hello@example.com", "hello.cc@example.com") == (
        message["Subject"],
        message["To"],
        message["Cc"],
    )
    body = message.get_body()
    assert body is not None
    assert "Check attached data" == body.get_content().strip()
    assert ("my.data.txt", data.encode()) == attachment(message)


def test_a6_the_next_run_takes_the_new_value(site: Site) -> None:
    site.say("job", "add", "sync", SYNC, "--manual")
    site.serve()
    site.say("run", "start", "sync", "--wait")
    site.web.answer = Answer(body=b"id,amount\n2,20\n")
    site.say("run", "start", "sync", "--wait")
    assert "id,amount\n2,20\n" == site.stored()
    assert b"id,amount\n2,20\n" == attachment(site.mail.taken[-1].message)[1]


def test_a7_run_now_is_an_extra_run_and_shifts_nothing(site: Site) -> None:
    at = datetime.now(UTC) + timedelta(hours=2)  # noqa: TID251  # a far fire of a real clock
    site.say("job", "add", "active", SYNC, "--every", "1h", "--max-runs", "5")
    site.say("job", "add", "paused", SYNC, "--at", at.isoformat(timespec="seconds"))
    site.say("job", "pause", "paused")
    site.say("job", "add", "finished", SYNC, "--at", "2020-01-01T00:00:00Z", "--if-past", "skip")
    site.serve()
    for job in ("active", "paused", "finished"):
        before = site.json("job", "show", job)
        site.say("run", "start", job, "--wait")
        (run,) = site.runs(job)
        after = site.json("job", "show", job)
        assert ("trigger", "succeeded") == (run["cause"], run["status"])
        assert "uid" in run["actor"]
        assert before["next_fire"] == after["next_fire"]
        assert before["runs"] == after["runs"]


@pytest.mark.parametrize(
    ("given", "parsed"),
    [
        ("plain words", None),
        ('{"table": "orders", "n": 3}', {"table": "orders", "n": 3}),
        ("table=orders\nn=3", {"table": "orders", "n": "3"}),
    ],
)
def test_a8_the_service_sees_the_raw_text_and_the_parsed_form(
    site: Site, given: str, parsed: object
) -> None:
    site.say("job", "add", "input", "api.scheduler.input", "--manual", "--input", given)
    site.serve()
    site.say("run", "start", "input", "--wait")
    (run,) = site.runs("input")
    assert f'"parsed":{_compact(parsed)}' in run["result"]["text"]


def _compact(value: object) -> str:
    import msgspec

    return msgspec.json.encode(value).decode()


def test_a9_a_call_has_the_same_effect_and_is_recorded_with_its_channel(site: Site) -> None:
    site.say("service", "call", SYNC)
    assert (1, DATA) == (len(site.mail.taken), site.stored())
    site.serve()
    site.say("service", "call", SYNC)
    assert 2 == len(site.mail.taken)
    called = site.lines("log", "list", "--type", "service-called")
    assert 2 == len(called)
    assert {"cli", "socket"} >= {event["channel"] for event in called}


def test_a14_what_a_stop_swallowed_is_told_and_run_by_a_backfill(site: Site) -> None:
    late = ("--misfire-grace", "2s", "--catch-up", "none", "--overlap", "allow")
    site.say("job", "add", "window", "api.scheduler.window", "--every", "1s", *late)
    site.serve()
    site.ended("window")
    site.stop()
    let_pass(8)  # five intervals beyond the grace, at least
    site.serve()
    site.ended("window", 2)
    (miss,) = [
        one
        for one in site.lines("missed", "window")
        if one["reason"] == "misfire" and one["count"] >= 5
    ]
    after, end = (datetime.fromisoformat(miss[name]) for name in ("after", "until"))
    second = timedelta(seconds=1)
    wanted = ("--from", f"{after + second:%FT%TZ}", "--until", f"{end + second:%FT%TZ}")
    plan = site.json("backfill", "plan", "window", *wanted)
    assert (miss["count"], miss["count"]) == (plan["count"], plan["to_run"])
    backfill = site.json("backfill", "start", "window", *wanted)["backfill"]
    shown = site.json("backfill", "show", backfill, "--watch")
    assert ("finished", miss["count"]) == (shown["status"], shown["succeeded"])
    runs = site.lines("run", "list", "--backfill", backfill)
    for run in runs:
        told = datetime.fromisoformat(msgspec.json.decode(run["result"]["text"])["fire_time"])
        assert datetime.fromisoformat(run["fire_time"]) == told
        assert after < told <= end
    assert miss["count"] == len({run["fire_time"] for run in runs})
    answer = site.json("why", "window", runs[0]["fire_time"])
    assert ("run", "misfire", runs[0]["run"]) == (
        answer["verdict"],
        answer["reason"],
        answer["run"],
    )
    assert 0 == site.json("backfill", "plan", "window", *wanted)["to_run"]


def test_a15_every_change_leaves_who_when_why_and_what(site: Site) -> None:
    site.say("job", "add", "sync", SYNC, "--every", "1h", "--reason", "new")
    site.say("job", "edit", "sync", "--every", "2h", "--reason", "slower")
    site.say("job", "pause", "sync", "--reason", "holiday")
    site.say("job", "resume", "sync", "--reason", "back")
    site.say("job", "rename", "sync", "orders", "--reason", "clearer")
    site.say("job", "remove", "orders", "--yes", "--reason", "done")
    changes = site.lines("job", "history", "orders")
    assert {"new", "slower", "holiday", "back", "clearer", "done"} == {
        change["reason"] for change in changes
    }
    assert all("uid" in change["actor"] and change["at"] for change in changes)
    edited = next(change for change in changes if change["reason"] == "slower")
    assert ("1h", "2h") == (
        edited["before"]["schedule"]["every"],
        edited["after"]["schedule"]["every"],
    )


def test_a18_outputs_are_swapped_by_names_alone(site: Site) -> None:
    import sqlite3

    with sqlite3.connect(site.folder / "table.db") as table:
        table.execute("CREATE TABLE newest(data TEXT)")
    site.say("job", "add", "swapped", "api.scheduler.swapped", "--manual")
    site.serve()
    site.say("run", "start", "swapped", "--wait")
    with sqlite3.connect(site.folder / "table.db") as table:
        assert [(DATA,)] == table.execute("SELECT data FROM newest").fetchall()
    (asked,) = site.hook.asked
    assert ("POST", "/new", DATA.encode()) == (asked.method, asked.path, asked.body)
    assert asked.headers["Idempotency-Key"].endswith("/hook")


def test_a19_metrics_equal_what_the_log_says(site: Site) -> None:
    port = free_port()
    site.say("job", "add", "sync", SYNC, "--every", "1s", "--max-runs", "3")
    site.serve("--listen", f"127.0.0.1:{port}")
    site.ended("sync", 3)
    text = site.get(f"http://127.0.0.1:{port}/metrics")
    wanted = 'horolog_runs_total{cause="schedule",job_name="sync",outcome="succeeded"} 3.0'
    assert wanted in text
    assert '"is_healthy":true' in site.get(f"http://127.0.0.1:{port}/healthz")


def test_a20_views_can_be_deleted_and_come_back_row_for_row(site: Site) -> None:
    site.say("job", "add", "sync", SYNC, "--every", "1s", "--max-runs", "3")
    site.serve()
    site.ended("sync", 3)
    site.stop()
    site.serve()
    before = [site.lines("job", "list"), site.lines("run", "list"), site.lines("missed")]
    site.stop()
    for view in site.folder.glob("horolog.db.views*"):
        view.unlink()
    site.serve()
    after = [site.lines("job", "list"), site.lines("run", "list"), site.lines("missed")]
    assert before == after
    assert 3 == len(site.mail.taken)
