"""What happens in the demo, and when: jobs are added, a mail is refused, the scheduler is killed.

Refusal and kill are placed by what the log says and not by the clock, so they fall alike on a fast
and on a busy machine. Both happen at the mail server's door: before a mail begins, it looks how far
the runs have come. By then the step "store" of the run at the door is in the log, and the mail has
not begun: a kill there lies between two steps. (Killed between sending and recording, a mail may go
twice, and nothing here pretends otherwise.)
"""

import threading
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from scheduler.log.contract import Recorded
from scheduler.model import events as e
from scheduler.model.firing import next_fire
from scheduler.model.limits import DEMO_OVERTIME, DEMO_PATIENCE
from tools.demo import screen
from tools.demo.chronicle import Chronicle, Run
from tools.demo.place import CRON, CRONTAB, INTERVAL, KEY, ONCE, RUNS, ZONE, Failed, Place
from tools.demo.servers import FarEnds

REFUSAL = "451 4.3.0 try again later"
GONE = "421 4.3.0 nobody is there any more"
REFUSED_RUN = 2  # of sync.interval
KILLED_RUN = 3
LOOK_S = 0.05  # between two looks at the log
LEAD = timedelta(seconds=2)  # at least, between adding the jobs and their beginning
DEAD_UNTIL = timedelta(milliseconds=2_500)  # after the killed run's fire time: one fire is passed
CALM = timedelta(milliseconds=1_200)  # without a fire before the end, so that none is half decided
# Seconds of ten at which it may begin: no fire of two jobs then falls on one instant.
BEGINNINGS = frozenset({1, 5, 9})


class Story:
    """The demo as it goes on."""

    def __init__(self, place: Place, ends: FarEnds, chronicle: Chronicle) -> None:
        self.place = place
        self.ends = ends
        self.chronicle = chronicle
        self.clock = place.clock
        self.began_at = self.clock.now()
        self.refused: Run | None = None
        self.killed: Run | None = None
        self.start_took = timedelta()
        self.is_restarted = False
        self._door = threading.Lock()  # one mail at a time is let in
        self._kill_untold = False
        ends.mail.gate = self.gate

    # -- at the mail server's door, on its thread

    def gate(self) -> str | None:
        """Return with what the next mail is refused, None to let it in."""
        with self._door:
            if self.refused is not None and self.killed is not None:
                return None
            self.chronicle.look()
            for run in self.chronicle.runs_of(INTERVAL):
                if not run.is_between:
                    continue
                if run.number == REFUSED_RUN and self.refused is None:
                    self.refused = run
                    return REFUSAL
                if run.number == KILLED_RUN and self.killed is None:
                    self.place.kill()
                    self.killed = run
                    self._kill_untold = True
                    return GONE
            return None

    # -- the story, on the main thread

    def begin(self) -> None:
        """Start the scheduler and add the jobs."""
        self.start()
        first = self.clock.now() + LEAD
        beginning = first.replace(microsecond=0) + timedelta(seconds=1)
        while beginning.second % 10 not in BEGINNINGS:
            beginning += timedelta(seconds=1)
        self.began_at = beginning
        self.place.add_jobs(beginning)
        self.chronicle.look()
        crontab = self.chronicle.named(CRONTAB)
        fire = next_fire(crontab.definition.schedule, crontab.cursor)
        shown = "" if fire is None else f"{fire.astimezone(ZoneInfo(ZONE)):%H:%M:%S}"
        screen.say(
            "One service, api.scheduler.sync: ask REST → store in Redis → mail as attachment"
        )
        screen.say(f"  {ONCE:<14} in 3 s")
        screen.say(f"  {INTERVAL:<14} every 2 s, {RUNS} runs")
        screen.say(f"  {CRONTAB:<14} {CRON}  (seconds first)  {ZONE}, next {shown}")

    def start(self) -> None:
        """Start the scheduler, and wait until the log says so. Raises: Unreachable, Failed."""
        starts = len(self.chronicle.starts)
        asked_ns = self.clock.monotonic_ns()
        self.place.serve()
        for _ in range(int(DEMO_PATIENCE.total_seconds() / LOOK_S)):
            self.chronicle.log.wait(self.chronicle.position, LOOK_S)
            self.chronicle.look()
            if len(self.chronicle.starts) > starts:
                self.start_took = self.since(asked_ns)
                return
            self.place.check_alive()
        raise Failed(f"The scheduler was not ready within {DEMO_PATIENCE}")

    def since(self, start_ns: int) -> timedelta:
        """Return how long ago it was `start_ns` by the clock that is never set."""
        return timedelta(microseconds=(self.clock.monotonic_ns() - start_ns) // 1_000)

    def go_on(self, until: datetime) -> datetime:
        """Tell what happens up to `until`, then stop the scheduler; return up to when it decided.

        What is still open then gets some time. Raises: Unreachable, when the scheduler ends.
        """
        while True:
            self.chronicle.log.wait(self.chronicle.position, LOOK_S)
            self.chronicle.look()
            self.tell()
            now = self.clock.now()
            if self.killed is None or self.is_restarted:
                self._check_alive()
            elif now >= self.killed.fire_time + DEAD_UNTIL:
                self.restart()
            is_over = now >= until and self.is_calm(now)
            if is_over or now >= until + DEMO_OVERTIME:
                break
        self.place.stop()
        self.chronicle.look()
        self.tell()
        return now

    def _check_alive(self) -> None:
        with self._door:  # whoever kills it does so behind this door, and says so there
            if self.killed is None or self.is_restarted:
                self.place.check_alive()

    def restart(self) -> None:
        """Start the scheduler again, and say what it found."""
        self.tell()
        events = self.chronicle.position
        self.start()
        self.is_restarted = True
        for _ in range(int(DEMO_PATIENCE.total_seconds() / LOOK_S)):
            if self.killed is None or self.killed.interruptions:
                break
            self.chronicle.log.wait(self.chronicle.position, LOOK_S)
            self.chronicle.look()
        interrupted = [run for run in self.chronicle.runs.values() if run.interruptions]
        screen.happened(
            self.chronicle.starts[-1].recorded_at - self.began_at,
            "",
            f"started again in {self.start_took.total_seconds():.1f} s: {events} events read, "
            f"{len(interrupted)} interrupted run{'s' if len(interrupted) != 1 else ''}",
        )

    def is_calm(self, now: datetime) -> bool:
        """Return whether everything that was to happen has, and nothing fires just now."""
        if self.refused is None or not self.is_restarted or self.chronicle.open_runs():
            return False
        ahead = next_fire(self.chronicle.named(CRONTAB).definition.schedule, now - CALM)
        is_due = ahead is not None and ahead <= now + CALM
        are_over = all(self.chronicle.named(name).is_exhausted for name in (ONCE, INTERVAL))
        return are_over and not is_due

    # -- what the screen says of it

    def tell(self) -> None:
        """Print what was read in the log and not told yet."""
        for recorded in self.chronicle.untold():
            title, text = self.told(recorded)
            if text:
                screen.happened(recorded.recorded_at - self.began_at, title, text)
        if self._kill_untold and self.killed is not None:
            self._kill_untold = False
            screen.happened(
                self.clock.now() - self.began_at,
                self.killed.title,
                'kill -9 of the scheduler between "store" and "mail" …',
            )

    def told(self, recorded: Recorded) -> tuple[str, str]:
        """Return whom an event is about, and what is said of it; nothing of most."""
        match recorded.event:
            case e.RunSucceeded(run=id):
                run = self.chronicle.runs[id]
                return run.title, f"ok  {self.success(run)}".rstrip()
            case e.AttemptFailed(run=id, attempt=attempt, error=error):
                is_mail = "451" in error
                what = "the mail server refuses (451)" if is_mail else error
                return self.chronicle.runs[id].title, f"{what}: attempt {attempt} failed"
            case e.RunFailed(run=id, error=error):
                return self.chronicle.runs[id].title, f"failed: {error}"
            case e.FiresSkipped(job=job, until=until, count=count, reason=reason):
                when = f"{(until - self.began_at).total_seconds():+.1f} s"
                fires = f"the fire of {when}" if count == 1 else f"{count} fires up to {when}"
                name = self.chronicle.jobs[job].name
                earlier = [run for run in self.chronicle.runs_of(name) if run.fire_time < until]
                if reason == "overlap" and earlier:
                    return name, f"{fires} skipped: run {earlier[-1].number} was still open"
                return name, f"{fires} skipped: {reason}"
            case _:
                return "", ""

    def success(self, run: Run) -> str:
        """Return what is worth saying of a run that succeeded, as the far ends saw it."""
        mails = self.mails_of(run)
        sent = "mailed once" if mails == 1 else f"mailed {mails} times"
        if run.interruptions:
            return f"attempt {run.attempt}, same run id · {sent}"
        if run.attempt > 1:
            is_kept = run.steps.get("store", run.attempt) < run.attempt
            kept = ' · step "store" not repeated' if is_kept else ""
            return f"attempt {run.attempt}{kept}"
        if run.job.name == ONCE and run.job.is_exhausted:
            return "finished for ever"
        if self.ends.redis.text(KEY) in mailed_by(self.ends)[:1]:  # the first mail of all
            files = len(self.ends.mail.taken[0].attached)
            status = self.ends.web.asked[-1].status
            return f"GET {status} · redis {KEY} · 1 mail, {files} file{'s' * (files != 1)}"
        return ""

    def mails_of(self, run: Run) -> int:
        """Return how many mails hold what was answered to a run; each answer is another."""
        answers = {one.text for one in self.ends.web.asked if one.key.startswith(run.id)}
        return sum(text in answers for text in mailed_by(self.ends))


def mailed_by(ends: FarEnds) -> list[str]:
    """Return the texts of all attachments that the mail server took; its line ends are mail's."""
    return [
        text.replace("\r\n", "\n") for mail in ends.mail.taken for text in mail.attached.values()
    ]
