"""What a wish must bring before it may be decided: a reason, a service, its input.

The rules of the scheduler do not know services or settings, so this stands before them, in the
process that owns the log: the server, or a command of its own. It is the same for both. It is also
where an input takes the form in which it is kept (`scheduler.model.private`).
"""

from collections.abc import Callable
from typing import NamedTuple

from msgspec.structs import replace

from scheduler.model import commands as c
from scheduler.model.callbacks import service_called_by
from scheduler.model.content import Payload
from scheduler.model.errors import BadInput
from scheduler.model.jobs import Definition, JobId
from scheduler.model.nearness import nearest
from scheduler.model.private import Content, NewSalt, kept_definition, kept_input
from services.loading import Loaded
from tools.settings import Settings
from tools.wishes import Wish


class Jobs(NamedTuple):
    """What the jobs of the log are now; None when there is no such job."""

    of: Callable[[JobId], Definition | None]
    named: Callable[[str], Definition | None]  # removed ones have no name any more


class Admission:
    """The gate before deciding, for one log and one set of services."""

    def __init__(
        self,
        settings: Settings,
        loaded: Callable[[], Loaded],
        content: Content,
        new_salt: NewSalt,
    ) -> None:
        self._settings = settings
        self._loaded = loaded
        self._content = content
        self._new_salt = new_salt

    def admitted(self, wish: Wish, jobs: Jobs) -> Wish:
        """Return the wish as it may be decided, its input as it is kept.

        Raises: BadInput.
        """
        if self._settings.require_reason and not (wish.reason or "").strip():
            raise BadInput.at(
                "$.reason", "is missing: this log takes no change without one.", "--reason TEXT"
            )
        match wish.command:
            case c.DefineJob(definition=definition):
                self._check_services(wish, definition, None)
                standing = jobs.named(definition.name) if is_compared(definition, wish) else None
                return self._with_definition(wish, definition, standing)
            case c.ReviseJob(job=job, definition=definition):
                standing = jobs.of(job)
                self._check_services(wish, definition, standing)
                return self._with_definition(wish, definition, standing)
            case c.TriggerJob(job=job, input=given) if given is not None:
                standing = jobs.of(job)
                is_private = standing is not None and standing.private
                return self._with_input(wish, given, is_private=is_private)
            case c.CallService(service=service, input=given):
                self._check_service(wish, service, "$.service")
                return wish if given is None else self._with_input(wish, given, is_private=False)
            case _:
                return wish

    def _with_definition(
        self, wish: Wish, definition: Definition, standing: Definition | None
    ) -> Wish:
        kept, contents = kept_definition(
            definition,
            wish.contents,
            standing=standing,
            content=self._content,
            new_salt=self._new_salt,
        )
        if kept is definition and contents is wish.contents:
            return wish
        return replace(wish, command=replace(wish.command, definition=kept), contents=contents)

    def _with_input(self, wish: Wish, given: Payload, *, is_private: bool) -> Wish:
        kept, contents = kept_input(
            given,
            wish.contents,
            is_private=is_private,
            standing=None,
            content=self._content,
            new_salt=self._new_salt,
        )
        return replace(wish, command=replace(wish.command, input=kept), contents=contents)

    def _check_services(
        self, wish: Wish, definition: Definition, standing: Definition | None
    ) -> None:
        """Refuse services that nobody defines; those that the job calls already may have gone."""
        before = called_by(standing).values() if standing is not None else ()
        for path, service in called_by(definition).items():
            if service not in before:
                self._check_service(wish, service, path)

    def _check_service(self, wish: Wish, service: str, path: str) -> None:
        """Refuse a service that nobody defines."""
        if wish.unchecked:
            return
        loaded = self._loaded()
        if service not in loaded.registry:
            close = nearest(service, [known.name for known in loaded.registry])
            hints = [f"Did you mean {close}?"] if close else []
            hints += [f"{failure}." for failure in loaded.failures]
            hint = " ".join(hints) or None
            raise BadInput.at(path, f"{loaded.registry.unknown(service)}.", hint)


def is_compared(definition: Definition, wish: Wish) -> bool:
    """Return whether what becomes of an input depends on the one that stands."""
    given = definition.input
    if given is None:
        return False
    return definition.private or (given.digest is not None and given.digest not in wish.contents)


def called_by(definition: Definition) -> dict[str, str]:
    """Return the services that a job calls, each by the path of the field that names it."""
    callbacks = {"$.on_success": definition.on_success, "$.on_failure": definition.on_failure}
    named = {path: service_called_by(callback) for path, callback in callbacks.items()}
    called = {path: service for path, service in named.items() if service is not None}
    return {"$.service": definition.service, **called}
