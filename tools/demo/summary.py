"""What the demo came to: every figure counted at the far ends or reckoned anew from the log.

Which fires were due follows from the schedules alone, not from what the scheduler decided; so a
fire that was forgotten would be seen here. A line that is not true is a problem, and with one
problem the demo has failed.
"""

import sqlite3
from datetime import datetime, timedelta
from typing import NamedTuple

from projections import checkpoints
from scheduler.model.firing import fire_times
from scheduler.model.limits import DEMO_FIRES_MAX
from scheduler.model.streams import compact
from tools.demo.chronicle import Chronicle, Job, Run
from tools.demo.place import ATTACHED, CRONTAB, INTERVAL, ONCE, RUNS, SUBJECT, Place
from tools.demo.servers import FarEnds
from tools.demo.story import Story, mailed_by
from tools.reading import open_reading
from tools.settings import read_settings

RECIPIENTS = ("hello@example.com", "hello.cc@example.com")
SECOND = timedelta(seconds=1)

Rows = dict[str, list[tuple[object, ...]]]


class Fires(NamedTuple):
    """What became of the fires that were due."""

    due: int
    skipped: int
    undecided: int  # neither a run nor a skip
    doubly: int  # more than one of these
    strange: int  # runs of what was no fire


class Summary(NamedTuple):
    """The lines of the summary, and which of them are not true."""

    lines: list[str]
    problems: list[str]


def summary(story: Story, until: datetime, stored: str | None) -> Summary:
    """Return what was measured; `until` is up to when fires were decided, `stored` Redis's value.

    The scheduler must have been stopped: the views are deleted and folded again.
    """
    chronicle, ends = story.chronicle, story.ends
    fires = fires_of(chronicle, until)
    runs = list(chronicle.runs.values())
    mails = len(ends.mail.taken)
    done = sum(run.ended == "run-succeeded" for run in runs)
    lost = fires.undecided + len(runs) - done
    twice = fires.doubly + sum(max(story.mails_of(run) - 1, 0) for run in runs)
    report = chronicle.log.verify()
    is_complete = not (fires.undecided or fires.doubly or fires.strange)
    is_same = views_survive(story.place)
    problems = [
        *problems_of_story(story),
        *problems_of_mails(ends, runs, story),
        *problems_of_store(ends, stored),
    ]
    checked = {
        "the fires due are not the runs and the skips": fires.due == len(runs) + fires.skipped,
        f"{lost} fires or runs were lost": lost == 0,
        f"{twice} runs or mails came twice": twice == 0,
        f"{mails} mails for {done} runs": mails == done,
        f"the chain does not hold: {report.fault}": report.fault is None,
        "a fire is in no place of the log, or in two": is_complete,
        "the views that were rebuilt differ": is_same,
    }
    problems += [text for text, is_true in checked.items() if not is_true]
    due = f"fires due {fires.due} = run {len(runs)} + skipped with a reason {fires.skipped}"
    whole = "complete" if is_complete else "GAPS"
    views = f"views deleted and rebuilt: {'same rows' if is_same else 'OTHER ROWS'}"
    chain = "ok" if report.fault is None else "BROKEN"
    return Summary(
        [
            f"{due:<52} lost {lost}   twice {twice}   mails {mails}",
            f"log {report.events} events · chain {chain} · {whole} · {views}",
        ],
        problems,
    )


def fires_of(chronicle: Chronicle, until: datetime) -> Fires:
    """Count what became of each fire that was due up to `until`."""
    due = undecided = doubly = strange = 0
    for job in chronicle.jobs.values():
        fires = due_fires(job, chronicle.runs_of(job.name), until)
        runs = [run.fire_time for run in chronicle.runs_of(job.name)]
        windows = [(one.after, one.until) for one in chronicle.skips if one.job == job.id]
        places = [
            runs.count(fire) + sum(after < fire <= before for after, before in windows)
            for fire in fires
        ]
        due += len(fires)
        undecided += places.count(0)
        doubly += sum(count > 1 for count in places)
        strange += len(set(runs) - set(fires))
    return Fires(due, sum(one.count for one in chronicle.skips), undecided, doubly, strange)


def due_fires(job: Job, runs: list[Run], until: datetime) -> list[datetime]:
    """Return the fires of a job's schedule up to `until`, or up to the last of its `max_runs`."""
    definition = job.definition
    after = job.cursor
    if definition.start_at is not None:
        after = max(after, definition.start_at - SECOND)
    if definition.max_runs is not None and len(runs) >= definition.max_runs:
        until = min(until, runs[definition.max_runs - 1].fire_time)
    return fire_times(definition.schedule, after=after, until=until, limit=DEMO_FIRES_MAX)


def problems_of_story(story: Story) -> list[str]:
    """Return what did not happen of what was to be shown."""
    chronicle = story.chronicle
    found = [
        f"{name} has no run that succeeded"
        for name in (ONCE, INTERVAL, CRONTAB)
        if not any(run.ended == "run-succeeded" for run in chronicle.runs_of(name))
    ]
    if len(chronicle.runs_of(ONCE)) != 1 or len(chronicle.runs_of(INTERVAL)) != RUNS:
        found.append("sync.once or sync.interval has not the runs it was asked for")
    if story.refused is None or not story.refused.failures:
        found.append("no mail was refused")
    if story.killed is None or not story.killed.interruptions or not story.is_restarted:
        found.append("no run was interrupted by a kill")
    found += [
        f"{run.title} stored again what it had stored"
        for run in (story.refused, story.killed)
        if run is not None and run.steps.get("store", run.attempt) >= run.attempt
    ]
    return found


def problems_of_mails(ends: FarEnds, runs: list[Run], story: Story) -> list[str]:
    """Return what is wrong with the mails that were taken."""
    found = [
        f'a mail "{mail.subject}" to {", ".join(mail.recipients)} is not as the service sent it'
        for mail in ends.mail.taken
        if (mail.recipients, mail.subject, list(mail.attached)) != (RECIPIENTS, SUBJECT, [ATTACHED])
    ]
    found += [
        f"{run.title} has no mail that holds what it was answered"
        for run in runs
        if run.ended == "run-succeeded" and not story.mails_of(run)
    ]
    return found


def problems_of_store(ends: FarEnds, stored: str | None) -> list[str]:
    """Return what is wrong with what Redis held at the end."""
    return [] if stored in mailed_by(ends)[-2:] else ["Redis does not hold what was mailed last"]


def views_survive(place: Place) -> bool:
    """Delete the views, have them folded again; return whether every row is as it was."""
    settings = read_settings(place.settings_path)
    before = rows_of(place)
    for path in place.folder.glob(f"{settings.db.name}.views*"):
        path.unlink()
    with open_reading(settings):
        pass
    return bool(before) and before == rows_of(place)


def rows_of(place: Place) -> Rows:
    """Return every row of every view, by table; the number of a table's generation is left out."""
    with open_reading(read_settings(place.settings_path)) as opened:
        return {
            table.removesuffix(f"_{one.generation}"): sorted(all_of(opened.views, table), key=repr)
            for one in checkpoints.stored(opened.views)
            if one.is_live
            for table in one.tables
        }


def all_of(views: sqlite3.Connection, table: str) -> list[tuple[object, ...]]:
    """Return the rows of a table."""
    return [tuple(row) for row in views.execute(f'SELECT * FROM "{table}"')]  # noqa: S608  # a table of ours


def question(story: Story) -> tuple[str, ...]:
    """Return the words that ask why a fire was passed over; about the killed run if none was."""
    skips = story.chronicle.skips
    if skips:
        name, at = story.chronicle.jobs[skips[0].job].name, skips[0].until
    else:
        run = story.killed or next(iter(story.chronicle.runs.values()))
        name, at = run.job.name, run.fire_time
    return "why", name, compact(at)
