"""`next`: what fires next and what fired last, like `systemctl list-timers`."""

import click

from projections import read_jobs
from projections.rows import JobRow
from scheduler.model.limits import SHOWN_ROWS_MAX
from scheduler.model.missing_zones import told_apart, zone_missed_by
from scheduler.model.written import format_instant
from tools.cli.asking import serving_notes
from tools.cli.call import Call, pass_call
from tools.cli.lengths import spoken
from tools.cli.options import prints
from tools.cli.output import Record, Shape, note, show_rows
from tools.cli.reading import reading
from tools.cli.state_words import remark

COLUMNS = ("next", "left", "last", "passed", "job", "service", "remark")
FIELDS = (*COLUMNS, "status", "paused_until", "skipping", "job_id")
SHAPE = Shape(FIELDS, COLUMNS)


@prints("next")
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
    time zone this machine does not know, which is told.
    """
    with reading(call) as opened:
        rows = read_jobs.upcoming(opened.views, limit=limit)
        system = read_jobs.system(opened.views)
        unforeseen = read_jobs.without_next_fire(opened.views)
    show_rows(call, SHAPE, (record(call, row) for row in rows))
    zones = {row.name: zone_missed_by(row.definition) for row in unforeseen}
    for text in told_apart({name: zone for name, zone in zones.items() if zone is not None}):
        note(text)
    if call.form.kind == "people":
        for text in serving_notes(call):
            note(text)
        if system is not None and system.paused_at is not None:
            end = system.paused_until
            until = "" if end is None else f" until {format_instant(end, call.zone)}"
            note(f"Everything is paused{until}: horolog job resume --all")


def record(call: Call, row: JobRow) -> Record:
    """Return a line of the list."""
    left = None if row.next_fire is None else spoken(row.next_fire - call.now)
    last = row.last_run_fire
    return {
        "next": row.next_fire,
        "left": left,
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
