"""`next`: what fires next and what fired last, like `systemctl list-timers`."""

from datetime import datetime

import click

from projections import read_jobs
from projections.rows import JobRow
from scheduler.model.limits import ROWS_PER_LIST_MAX, SHOWN_ROWS_MAX
from scheduler.model.missing_zones import told_apart, zone_missed_by
from tools.cli.asking import serving_notes
from tools.cli.call import Call, pass_call
from tools.cli.lengths import spoken
from tools.cli.options import prints
from tools.cli.output import Record, Shape, note, show_rows
from tools.cli.reading import reading
from tools.cli.state_words import remark
from tools.whole import next_run, pause_words

COLUMNS = ("next", "left", "last", "passed", "job", "service", "remark")
FIELDS = (*COLUMNS, "status", "paused_until", "skipping", "job_id")
SHAPE = Shape(FIELDS, COLUMNS)


@prints("next", *FIELDS)
@click.option(
    "--limit",
    "-n",
    type=click.IntRange(1, SHOWN_ROWS_MAX),
    default=50,
    show_default=True,
    metavar="N",
    help="At most so many jobs.",
)
@pass_call
def next_fires(call: Call, /, *, limit: int) -> None:
    """List what fires next, and what fired last.

    Left out are fire times that will not run: on excluded days, or to be passed over. A job that is
    paused without an end, exhausted or run by hand only has no next fire time; nor has one whose
    time zone this machine does not know, which is told. So is a pause of everything: what fires
    before its end is left out, and without an end all is.
    """
    with reading(call) as opened:
        whole = read_jobs.system(opened.views)
        paused = pause_words(whole, call.zone)
        rows = read_jobs.upcoming(
            opened.views, limit=limit if paused is None else ROWS_PER_LIST_MAX
        )
        unforeseen = read_jobs.without_next_fire(opened.views)
    found = [(at, row) for row in rows if (at := next_run(row, whole)) is not None]
    found.sort(key=lambda one: (one[0], one[1].name))
    show_rows(call, SHAPE, (record(call, row, at) for at, row in found[:limit]))
    zones = {row.name: zone_missed_by(row.definition) for row in unforeseen}
    for text in told_apart({name: zone for name, zone in zones.items() if zone is not None}):
        note(text)
    if call.form.kind == "people":
        for text in serving_notes(call):
            note(text)
    if paused is not None:
        note(paused)


def record(call: Call, row: JobRow, at: datetime) -> Record:
    """Return a line of the list: a job and its next fire time."""
    last = row.last_run_fire
    return {
        "next": at,
        "left": spoken(at - call.now),
        "last": last,
        "passed": None if last is None else f"{spoken(call.now - last)} ago",
        "job": row.name,
        "service": row.service,
        "remark": remark(call, row),
        "status": row.status,
        "paused_until": row.paused_until,
        "skipping": row.skipping,
        "job_id": row.job_id,
    }
