"""Which jobs call which: an index over the callbacks of all jobs, by the name that is called."""

from scheduler.model.callbacks import job_called_by
from scheduler.model.jobs import Definition, JobId
from scheduler.rules.job_state import JobState


class Callers:
    """The jobs that call a job when they end, by its name; the name may be nobody's."""

    def __init__(self) -> None:
        self._by_name: dict[str, dict[JobId, None]] = {}

    def of(self, name: str) -> list[JobId]:
        """Return the jobs that call the job of this name."""
        return list(self._by_name.get(name, ()))

    def note(self, before: JobState | None, after: JobState) -> None:
        """Take note of what has become of a job."""
        if before is not None and before.definition is after.definition and not after.removed:
            return
        if before is not None:
            for name in _called(before.definition):
                line = self._by_name.get(name, {})
                line.pop(before.job, None)
                if not line:
                    self._by_name.pop(name, None)
        if not after.removed:
            for name in _called(after.definition):
                self._by_name.setdefault(name, {})[after.job] = None


def _called(definition: Definition) -> set[str]:
    """Return the names of the jobs that a job calls."""
    callbacks = (definition.on_success, definition.on_failure)
    return {name for name in map(job_called_by, callbacks) if name is not None}
