"""The main job's rows about time: what an outage swallows, and what a zone's clock does.

A14 ends with a backfill of a chosen range; that half belongs below its first, and waits for the
verb.
"""

from datetime import UTC, datetime, timedelta
from functools import partial
from zoneinfo import ZoneInfo

import pytest

from scheduler.model.zones import transitions
from tests.acceptance.site import Site
from tests.crash.waiting import until

pytestmark = pytest.mark.acceptance
WINDOW = "api.scheduler.window"  # a service that returns the fire time it was given
EVERY = timedelta(seconds=2)
MISSED = 5
SECOND = timedelta(seconds=1)
TOKYO, WARSAW = ZoneInfo("Asia/Tokyo"), ZoneInfo("Europe/Warsaw")
POLICIES = ("latest", "none", "all")


def now() -> datetime:
    return datetime.now(UTC)  # noqa: TID251  # of the same clock as the real server's


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def grid(anchor: datetime, after: datetime, end: datetime) -> list[datetime]:
    """Return the fire times in (after, end], reckoned from one that is known."""
    first = anchor + ((after - anchor) // EVERY + 1) * EVERY
    return [first + number * EVERY for number in range((end - first) // EVERY + 1)]


def test_a14_what_an_outage_swallowed_is_recorded_and_decided_by_the_policy(site: Site) -> None:
    for policy in POLICIES:
        words = ("--every", "2s", "--misfire-grace", "1s", "--catch-up", policy)
        site.say("job", "add", policy, WINDOW, *words)
    site.serve()
    anchors = {policy: at(site.ended(policy)[0]["fire_time"]) for policy in POLICIES}
    site.stop()
    stopped_at = now()
    until(lambda: now() > stopped_at + (MISSED + 1) * EVERY, "five intervals")
    started_at = now()
    site.serve()
    for policy in POLICIES:
        out = grid(anchors[policy], stopped_at, started_at)
        assert MISSED <= len(out)
        until(partial(is_decided, site, policy, out[-1]), "the decisions")
        runs = {at(run["fire_time"]): run for run in site.runs(policy)}
        skips = site.lines("missed", policy)
        ran = [fire for fire in out if fire in runs]
        why = {reason_for(fire, skips) for fire in out if fire not in runs}
        match policy:
            case "latest":  # the newest when the server looked: of the outage, or one after it
                newest = min(fire for fire in runs if fire > stopped_at)
                assert ({"coalesced"}, [newest] if newest in out else []) == (why, ran)
                assert newest >= out[-1]
            case "none":
                assert {"misfire"} == why
                assert ran == [fire for fire in ran if runs[fire]["cause"] == "schedule"]
                assert 1 >= len(ran)  # which was on time
            case _:
                assert (out, set()) == (ran, why)
                given = [runs[fire]["result"]["text"] for fire in out]
                assert [f'{{"fire_time":"{fire.isoformat()}"}}' for fire in out] == given


def is_decided(site: Site, job: str, fire: datetime) -> bool:
    """Return whether all up to a fire time are decided, and what became runs has ended."""
    runs = site.runs(job)
    is_over = all(run["status"] == "succeeded" for run in runs if at(run["fire_time"]) <= fire)
    return is_over and any(at(run["fire_time"]) > fire for run in runs)


def reason_for(fire: datetime, skips: list[dict[str, str]]) -> str:
    """Return the reason of the one window that a fire time lies in."""
    (skip,) = (one for one in skips if at(one["after"]) < fire <= at(one["until"]))
    return skip["reason"]


def test_a16_an_instant_is_typed_and_shown_in_the_viewers_zone_and_stored_in_utc(
    site: Site,
) -> None:
    viewed_from(site, "Asia/Tokyo")
    day = (now() + timedelta(days=400)).date()
    site.say("job", "add", "once", WINDOW, "--at", f"{day} 09:00")
    assert f"{day} 09:00:00 JST" in site.say("next")
    assert f"{day} 09:00:00 JST" in site.say("job", "list")
    assert f"{day}T00:00:00Z" == site.json("job", "show", "once")["next_fire"]
    (defined,) = site.lines("log", "list", "--type", "job-defined")
    assert f"{day}T00:00:00Z" == defined["body"]["definition"]["schedule"]["at"]
    site.say("job", "add", "there", WINDOW, "--at", f"{day} 09:00", "--tz", "Europe/Warsaw")
    utc = datetime.fromisoformat(f"{day} 09:00").replace(tzinfo=WARSAW).astimezone(UTC)
    assert utc == at(site.json("job", "show", "there")["next_fire"])


def test_a16_a_job_keeps_its_wall_clock_time_across_a_clock_change(site: Site) -> None:
    viewed_from(site, "Asia/Tokyo")
    change = next(
        change.at
        for change in transitions(WARSAW, now(), now() + timedelta(days=800))
        if change.offset_after > change.offset_before
    )
    day = change.astimezone(WARSAW).date()
    fires = [
        datetime(when.year, when.month, when.day, 9, tzinfo=WARSAW).astimezone(UTC)
        for when in (day - timedelta(days=1), day)
    ]
    assert timedelta(hours=23) == fires[1] - fires[0]
    site.serve_at(fires[0] - 20 * SECOND)
    site.say("job", "add", "nine", WINDOW, "--cron", "0 9 * * *", "--tz", "Europe/Warsaw")
    site.ended("nine")
    site.stop()
    site.serve_at(fires[1] - 5 * SECOND)
    runs = site.ended("nine", 2)
    assert fires == [at(run["fire_time"]) for run in runs]
    assert ["schedule", "schedule"] == [run["cause"] for run in runs]
    shown = site.say("run", "list")
    for fire in fires:
        assert f"{fire.astimezone(TOKYO):%Y-%m-%d %H:%M:%S} JST" in shown
    assert [9, 9] == [fire.astimezone(WARSAW).hour for fire in fires]


def viewed_from(site: Site, zone: str) -> None:
    """Have everything typed and shown in this zone, unless a command says otherwise."""
    settings = site.folder / "horolog.toml"
    settings.write_text(f'display_timezone = "{zone}"\n{settings.read_text()}')
