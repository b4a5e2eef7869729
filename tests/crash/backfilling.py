"""A backfill that is carried out by servers which are killed on the way, and what it must leave."""

from collections import Counter
from collections.abc import Callable
from contextlib import closing
from datetime import datetime, timedelta

from scheduler.model import commands as c
from scheduler.model import events as e
from scheduler.model.jobs import BackfillId, Definition, JobId, RunId
from scheduler.model.schedules import Cron, Interval
from tests.crash.site import Server, Site, work
from tests.crash.waiting import until

MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)
CONCURRENCY = 8
LIVE = Definition(
    name="live", service="crash.plain", schedule=Interval(SECOND), overlap="allow", input=work()
)
MINUTELY = Definition(
    name="minutely", service="crash.plain", schedule=Cron(("* * * * *",)), input=work()
)


class Backfilling:
    """A minutely job on a site, with a live one beside it."""

    def __init__(self, site: Site, occurrences: int) -> None:
        self.site = site
        self.occurrences = occurrences
        self.job: JobId = site.define(MINUTELY, LIVE)[0]
        first = site.recorded()
        defined = next(one.event for one in first if isinstance(one.event, e.JobDefined))
        self._until: datetime = defined.cursor.replace(second=0, microsecond=0) - MINUTE

    def ask(self) -> BackfillId:
        """Ask for the runs of all those minutes before the job existed, and return its id."""
        key = BackfillId(self.site.clock.new_id())
        wish = c.RequestBackfill(
            backfill=key,
            job=self.job,
            after=self._until - self.occurrences * MINUTE,
            until=self._until,
            concurrency=CONCURRENCY,
        )
        with closing(self.site.client()) as client:
            client.ask(wish)
        return key

    def runs(self) -> Counter[datetime]:
        """Return how many runs each of these minutes has."""
        return Counter(
            one.event.fire_time
            for one in self.site.recorded()
            if isinstance(one.event, e.RunPlanned)
            and one.event.job == self.job
            and one.event.fire_time is not None
            and one.event.fire_time <= self._until
        )

    def has_ended(self, key: BackfillId) -> bool:
        ends = (
            one.event for one in self.site.recorded() if isinstance(one.event, e.BackfillFinished)
        )
        return any(end.backfill == key for end in ends)


def killed_on_the_way(
    site: Site, *, occurrences: int, kills: int, seconds: float, say: Callable[[str], None] = print
) -> None:
    """Have so many occurrences backfilled over so many kills, then once more, and check it all."""
    backfilling = Backfilling(site, occurrences)
    server = site.serve().ready()
    key = backfilling.ask()
    for kill in range(1, kills + 1):
        wanted = occurrences * kill // (kills + 1)
        until(lambda: backfilling.runs().total() >= wanted, f"{wanted} runs", seconds=seconds)  # noqa: B023  # looked at within the loop
        server.kill()
        server = site.serve().ready()
    until(lambda: backfilling.has_ended(key), "the end of the backfill", seconds=seconds)
    runs = backfilling.runs()
    assert {1} == set(runs.values())
    assert occurrences == len(runs)
    again = backfilling.ask()
    until(lambda: backfilling.has_ended(again), "the end of the same backfill", seconds=seconds)
    assert runs == backfilling.runs()
    ended = end_in_order(site, server)
    say(f"{occurrences:,} occurrences, {kills} kills: {len(ended):,} runs succeeded, none twice")


def end_in_order(site: Site, server: Server) -> set[RunId]:
    """Stop the server, check all that it left, and return the runs that succeeded."""
    site.stop(server)
    recorded = site.check(is_drained=False)
    succeeded = [one.event.run for one in recorded if isinstance(one.event, e.RunSucceeded)]
    assert len(succeeded) == len(set(succeeded))
    planned = {
        one.event.run
        for one in recorded
        if isinstance(one.event, e.RunPlanned) and one.event.cause == "backfill"
    }
    assert planned <= set(succeeded)
    return planned
