"""After a crash: start anew, let it work, have everything come to its end, stop."""

from scheduler.model import commands as c
from scheduler.model import events as e
from tests.crash.asker import Asker
from tests.crash.site import Site
from tests.crash.waiting import until

DRAIN_PATIENCE_S = 180.0  # a job that catches up on all it has missed runs them one by one


def drained(site: Site, *, calls: int = 1) -> None:
    """Serve until at least `calls` more attempts were called and no run is open; then stop."""
    before = len(site.calls())
    server = site.serve().ready()
    until(lambda: len(site.calls()) >= before + calls, "calls after the restart")
    asker = Asker(site.db, site.ledger_path)
    pause_all(site, asker)
    asker.close()
    until(site.has_no_open_run, "the end of all runs", seconds=DRAIN_PATIENCE_S)
    site.stop(server)


def pause_all(site: Site, asker: Asker) -> None:
    """Pause every job, so that nothing new begins."""
    jobs = {}
    for one in site.recorded():
        if isinstance(one.event, e.JobDefined):
            jobs[one.event.job] = one.event
        elif isinstance(one.event, e.JobRemoved):
            del jobs[one.event.job]
    for job in jobs:
        asker.ask(c.PauseJob(job=job))
