"""`Workers`: whoever carries out services, as the executor knows it (`Invoke`).

Three ways, chosen by the service and its job, each of which can be held up without the others
noticing: async services on their own event loop, plain functions on threads, and anything in a
process of its own. None of them is the executor's thread. This file only sends each attempt the
right way; exactly-once is `attempts`'s.
"""

from collections.abc import Callable, Sequence
from contextvars import Context as Variables
from datetime import timedelta
from pathlib import Path

from scheduler.model.invocations import Invocation, Outcome, Report, StopReason, Wish
from scheduler.model.limits import END_GRACE
from services.asking import owners_answer
from services.attempts import Attempt, Attempts
from services.children import Children
from services.connections.catalog import Connections
from services.coroutines import Coroutines
from services.endings import raised, returned
from services.parked import Arrival, Parked
from services.registry import Registry
from services.reporting import Reporting
from services.stops import stopped
from services.threads import Threads

_CLOSE_PATIENCE = timedelta(seconds=2)  # one that blocks its loop is not waited for


class Workers:
    """Carries out attempts: at most `slots` plain functions and `slots` processes at once.

    More wait their turn; whoever hands them in counts slots and does not hand in more.
    `children_dir` is where children hold their locks; it is made when the first one starts.
    `connections` are whoever's hands them in to close; their clock is that of `ctx.schedule`.
    """

    def __init__(
        self,
        registry: Registry,
        *,
        slots: int,
        monotonic_ns: Callable[[], int],
        children_dir: Path,
        grace: timedelta = END_GRACE,
        connections: Connections | None = None,
    ) -> None:
        self.registry = registry
        self._reach = reach = connections or Connections()
        self._grace = grace
        self._reporting = Reporting(monotonic_ns)
        self._attempts = Attempts(self._reporting.tell, monotonic_ns, reach)
        self._children = Children(self._attempts, children_dir, grace=grace, connections=reach)
        self._plain = Threads(self._call, threads_max=slots, name="horolog-plain")
        self._awaited = Coroutines(self._await, at_end=reach.close_here)
        self._isolated = Threads(self._children.carry_out, threads_max=slots, name="horolog-child")
        self._parked = Parked()

    def knows(self, service: str) -> bool:
        """Return whether a service of this name is registered."""
        return service in self.registry

    def code(self, service: str) -> str | None:
        """Return the digest of the service's source, None when there is none."""
        known = self.registry.get(service)
        return None if known is None else known.code

    def start(self, invocations: Sequence[Invocation], report: Report, wish: Wish) -> None:
        """Carry these out; an unknown service is reported as `no-service`."""
        plain: list[Attempt] = []
        awaited: list[Attempt] = []
        isolated: list[Attempt] = []
        answer = owners_answer(wish, self._why_unknown, self._reach.now)
        for invocation in invocations:
            service = self.registry.get(invocation.service)
            if service is None:
                if self._is_parked(Arrival(invocation, report, wish)):
                    continue
                service = self.registry.get(invocation.service)  # it may have come just now
            if service is None:
                self._reporting.tell(report, self._unknown(invocation))
            elif invocation.isolation == "process":
                ends = self._children.terminate
                isolated.append(Attempt(invocation, service, report, answer, ends))
            elif service.is_async:
                cancels = self._awaited.cancel
                awaited.append(Attempt(invocation, service, report, answer, cancels))
            else:
                plain.append(Attempt(invocation, service, report, answer))
        self._attempts.open([*plain, *awaited, *isolated])
        if plain:
            self._plain.put(plain)
        if awaited:
            self._awaited.put(awaited)
        if isolated:
            self._isolated.put(isolated)

    def use(self, registry: Registry, *, is_complete: bool = True) -> None:
        """Call these services from now on; attempts that are out keep the code they began with.

        Until it is complete, attempts of a service that is not there wait for it to come.
        """
        self.registry = registry
        for arrival in self._parked.all_out(is_open=not is_complete):
            self.start([arrival.invocation], arrival.report, arrival.wish)

    def stop(
        self, run: str, attempt: int, reason: StopReason, grace: timedelta | None = None
    ) -> bool:
        """Ask one attempt to end. True: it will be reported. False: it can only be told.

        An async service is cancelled; if it still runs after the grace it is reported as abandoned.
        A process is asked, and after the grace killed. A plain function on a thread goes on: after
        a stop for a timeout only its return is reported.
        """
        parked = self._parked.take_out(run, attempt)
        if parked is not None:
            self._reporting.tell(parked.report, stopped(parked.invocation, reason))
            return True
        will_end, found = self._attempts.stop(run, attempt, reason)
        if found is not None and found.interrupt is not None:
            found.interrupt(found)
            is_child = found.invocation.isolation == "process"
            insist = self._children.kill if is_child else self._attempts.give_up
            after = self._grace if grace is None else grace
            self._reporting.after(after, lambda: insist(found))
        return will_end

    def close(self) -> None:
        """End all workers and children; attempts still running are not reported.

        Waits a moment, no longer, for async services to be cancelled and outcomes to be told.
        """
        self._parked.all_out(is_open=False)
        self._attempts.close()
        self._plain.close()
        self._isolated.close()
        self._children.close()
        self._awaited.close(_CLOSE_PATIENCE)
        self._reporting.close(_CLOSE_PATIENCE)

    def _is_parked(self, arrival: Arrival) -> bool:
        """Keep an attempt whose service may be about to come; False when it is to be begun now."""
        if not self._parked.take_in(arrival):
            return False
        invocation = arrival.invocation
        if invocation.service not in self.registry:
            return True  # whoever brings it looks for those that wait afterwards
        return self._parked.take_out(invocation.run, invocation.attempt) is None

    def _call(self, attempt: Attempt) -> None:
        context = self._attempts.begin(attempt)
        if context is None:
            return
        try:
            value = Variables().run(attempt.service.call, context)  # none left over from others
        except BaseException as error:  # noqa: BLE001  # whatever a service raises is its outcome
            elapsed_us = self._attempts.elapsed_us(attempt)
            outcome = raised(attempt.invocation, error, context, elapsed_us)
        else:
            elapsed_us = self._attempts.elapsed_us(attempt)
            outcome = returned(attempt.invocation, value, context, elapsed_us)
        self._attempts.end(attempt, outcome)

    async def _await(self, attempt: Attempt) -> None:
        context = self._attempts.begin(attempt)
        if context is None:
            return
        try:
            value = await attempt.service.call_async(context)
        except BaseException as error:  # noqa: BLE001  # whatever a service raises is its outcome
            elapsed_us = self._attempts.elapsed_us(attempt)
            outcome = raised(attempt.invocation, error, context, elapsed_us)
        else:
            elapsed_us = self._attempts.elapsed_us(attempt)
            outcome = returned(attempt.invocation, value, context, elapsed_us)
        self._attempts.end(attempt, outcome)

    def _why_unknown(self, service: str) -> str | None:
        """Return why a job may not call this service: it is not there, nor about to come."""
        if service in self.registry or self._parked.is_open:
            return None
        return self.registry.unknown(service)

    def _unknown(self, invocation: Invocation) -> Outcome:
        return Outcome(
            run=invocation.run,
            attempt=invocation.attempt,
            epoch=invocation.epoch,
            kind="no-service",
            error=self.registry.unknown(invocation.service),
        )
