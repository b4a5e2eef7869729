"""What a wish must bring before it may be decided: a reason where one is wanted, a service.

The rules of the scheduler do not know services or settings, so this stands before them, in the
process that owns the log: the server, or a command of its own. It is the same for both.
"""

from collections.abc import Callable

from scheduler.model import commands as c
from scheduler.model.content import Payload
from scheduler.model.errors import BadInput
from scheduler.model.jobs import JobId
from scheduler.model.nearness import nearest
from services.loading import Loaded
from tools.settings import Settings
from tools.wishes import Wish

HasContent = Callable[[str], bool]  # whether the log holds the content under a digest
ServiceOf = Callable[[JobId], str | None]  # what a job calls today, None when there is no such job


class Admission:
    """The gate before deciding, for one log and one set of services."""

    def __init__(
        self, settings: Settings, loaded: Callable[[], Loaded], has_content: HasContent
    ) -> None:
        self._settings = settings
        self._loaded = loaded
        self._has_content = has_content

    def check(self, wish: Wish, service_of: ServiceOf) -> None:
        """Raise BadInput unless the wish may be decided."""
        if self._settings.require_reason and not (wish.reason or "").strip():
            raise BadInput.at(
                "$.reason", "is missing: this log takes no change without one.", "--reason TEXT"
            )
        match wish.command:
            case c.DefineJob(definition=definition):
                self._check_service(wish, definition.service, None)
                self._check_content(wish, definition.input)
            case c.ReviseJob(job=job, definition=definition):
                self._check_service(wish, definition.service, service_of(job))
                self._check_content(wish, definition.input)
            case c.TriggerJob(input=given):
                self._check_content(wish, given)
            case _:
                return

    def _check_service(self, wish: Wish, service: str, before: str | None) -> None:
        """Refuse a service that nobody defines; one that the job calls already may have gone."""
        if wish.unchecked or service == before:
            return
        loaded = self._loaded()
        if service not in loaded.registry:
            close = nearest(service, [known.name for known in loaded.registry])
            hints = [f"Did you mean {close}?"] if close else []
            hints += [f"{failure}." for failure in loaded.failures]
            hint = " ".join(hints) or None
            raise BadInput.at("$.service", f"{loaded.registry.unknown(service)}.", hint)

    def _check_content(self, wish: Wish, payload: Payload | None) -> None:
        if payload is None or payload.digest is None or payload.digest in wish.contents:
            return
        if not self._has_content(payload.digest):
            raise BadInput.at(
                "$.input", f"the log holds no content {payload.digest}.", "Send the input itself"
            )
