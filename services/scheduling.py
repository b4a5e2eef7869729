"""`ctx.schedule`: a one-time job from inside a run, made once however often the run is tried.

It is a step: first the job, under an id that follows from the run and the step, then the step's own
event. After a crash between the two the next attempt asks for the same job again, which changes
nothing. The reading of policies is the model's and is imported when a job is asked for, since few
services ever do.

Children import this file: it must stay quick to import.
"""

from collections.abc import Callable, Mapping
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from scheduler.model.content import Contents
from scheduler.model.errors import BadInput
from scheduler.model.invocations import OnceWished
from scheduler.model.jobs import Definition, JobId, derived_id
from scheduler.model.json_values import shown
from scheduler.model.limits import DURATION_MAX
from services.asking import OnceAsked, await_for, wait_for
from services.loops import running_loop
from services.outcomes import Fatal
from services.results import Unkept, json_of, value_of
from services.steps import Steps

RUN_LABEL = "horolog.run"  # on each job that a run has made: which one
_UNIQUE_CHARS = 12  # of the job's id, at the end of its name


class Scheduling:
    """What one attempt may schedule."""

    def __init__(
        self, steps: Steps, redact: Callable[[str], str], redact_json: Callable[[str], str]
    ) -> None:
        self._steps = steps
        self._redact = redact
        self._redact_json = redact_json
        self._numbers = count(1)

    def once(
        self,
        service: str,
        *,
        after: timedelta | float | None = None,
        at: datetime | None = None,
        input: object = None,
        prefix: str = "once",
        step: str | None = None,
        **policies: object,
    ) -> Any:  # noqa: ANN401  # the job's name, or on an event loop to be awaited for it
        """Have `service` called a single time, and return the name of the job that does it.

        `after` is a length of time or a number of seconds from now; `at` an instant with its zone,
        and one that is past means now. `input` is a text or anything that is JSON; `policies` are
        a job's other fields. A run's steps of this kind are counted from 1: where the order of
        these calls is not the same in every attempt, name each by `step`.
        Raises: Fatal, when the job cannot be made as it was asked for.
        """
        name = f"schedule:{next(self._numbers)}" if step is None else step

        def make() -> object:
            fields = {**policies, "input": input}
            try:
                asked = self._asked(name, service, _time(after, at), prefix, fields)
            except (BadInput, Unkept) as error:
                raise Fatal(f"ctx.schedule.once: {error}") from None
            return self._made(asked)

        def known(kept: object) -> object:
            if not isinstance(kept, dict) or kept.get("service") != service:
                raise Fatal(
                    f'step "{name}" was another one in an earlier attempt; now it schedules'
                    f' "{service}". Give each such step a name of its own, as in step="remind"'
                )
            return kept["name"]

        _refuse_fixed(policies)
        return self._steps.step(name, make, known)

    def _made(self, asked: OnceAsked) -> object:
        """Return what the step keeps, once the job is durable; on an event loop to be awaited."""
        definition = asked.wished.definition
        told = {"job": asked.wished.job, "name": definition.name, "service": definition.service}
        answer = self._steps.ask(asked)
        if running_loop() is not None:
            return _awaited(answer, told)
        wait_for(answer)
        return told

    def _asked(
        self,
        step: str,
        service: str,
        time: timedelta | datetime,
        prefix: str,
        fields: dict[str, object],
    ) -> OnceAsked:
        """Return the wish for a job. Raises: BadInput, Unkept."""
        invocation = self._steps.invocation
        job = JobId(derived_id(invocation.due_time, f"{invocation.run}/{step}"))
        labels = fields.get("labels") or {}
        plain = {
            "private": bool(invocation.salt),  # what follows from the private is private
            **fields,
            "name": f"{prefix}-{job[-_UNIQUE_CHARS:]}",
            "service": service,
            "schedule": {"at": invocation.due_time if isinstance(time, timedelta) else time},
            "input": self._kept_input(fields["input"]),
            "labels": {**labels, RUN_LABEL: invocation.run} if isinstance(labels, dict) else labels,
        }
        definition, contents = _read(plain, invocation.due_time)
        return OnceAsked(
            wished=OnceWished(job=job, definition=definition, contents=contents),
            after=time if isinstance(time, timedelta) else None,
        )

    def _kept_input(self, given: object) -> object:
        """Return an input without secrets. Raises: Unkept."""
        if given is None:
            return None
        if isinstance(given, str):
            return self._redact(given)
        return {"$json": value_of(json_of(given, self._redact_json))}


async def _awaited(answer: "Future[None]", told: dict[str, str]) -> object:
    await await_for(answer)
    return told


def _refuse_fixed(policies: Mapping[str, object]) -> None:
    """Refuse fields that are not for the caller to say. Raises: Fatal."""
    for field in ("name", "schedule"):
        if field in policies:
            raise Fatal(
                f"ctx.schedule.once: {field} follows from the rest; see prefix, after and at"
            )


def _read(plain: dict[str, object], now: datetime) -> tuple[Definition, Contents]:
    from scheduler.model.plain import read_definition

    return read_definition(plain, now=now, timezone="UTC")


def _time(after: object, at: object) -> timedelta | datetime:
    """Return when: a length from now on, or an instant. Raises: BadInput."""
    if (after is None) == (at is None):
        raise BadInput.at("$.after", "give either after= or at=.")
    if at is not None:
        if not isinstance(at, datetime) or at.tzinfo is None:
            raise BadInput.at(
                "$.at",
                f"got {shown(at)} instead of an instant with its time zone.",
                "As in datetime(2026, 11, 20, 9, tzinfo=UTC)",
            )
        return at.astimezone(UTC)
    if isinstance(after, timedelta):
        is_bounded = timedelta(0) <= after <= DURATION_MAX
    elif isinstance(after, int | float) and not isinstance(after, bool):
        is_bounded = 0 <= after <= DURATION_MAX.total_seconds()
    else:
        raise BadInput.at(
            "$.after", f"got {shown(after)} instead of a length.", "As in timedelta(minutes=5)"
        )
    if not is_bounded:
        raise BadInput.at("$.after", f"{shown(after)} does not lie in 0 to 100 years.")
    return after if isinstance(after, timedelta) else timedelta(seconds=after)
