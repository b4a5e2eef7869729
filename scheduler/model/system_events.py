"""What happens to the whole: the events of the stream `system`."""

from datetime import datetime

from msgspec import Struct

from scheduler.model.event import Event
from scheduler.model.jobs import Missed


class LogCreated(Event, frozen=True, kw_only=True, gc=False, omit_defaults=True, tag="log-created"):
    """The log exists; its identity is random, so that views know whose they are."""

    identity: str
    horolog: str


class SystemStarted(
    Event, frozen=True, kw_only=True, gc=False, omit_defaults=True, tag="system-started"
):
    """An executor took up the log under a new epoch, with these versions reckoning fire times."""

    epoch: int
    host: str
    pid: int
    versions: dict[str, str]


class SystemStopped(
    Event, frozen=True, kw_only=True, gc=False, omit_defaults=True, tag="system-stopped"
):
    """The executor of this epoch stopped in order."""

    epoch: int


class SystemPaused(
    Event, frozen=True, kw_only=True, gc=False, omit_defaults=True, tag="system-paused"
):
    """Nothing is decided for any job until the system is resumed, at the latest at `until`."""

    until: datetime | None = None
    missed: Missed = "skip"  # what becomes of the fire times of the pause at that end


class SystemResumed(
    Event, frozen=True, kw_only=True, gc=False, omit_defaults=True, tag="system-resumed"
):
    """Jobs are decided again; fire times up to `at` are treated as `missed` says."""

    at: datetime
    missed: Missed


class ClockJumped(
    Event, frozen=True, kw_only=True, gc=False, omit_defaults=True, tag="clock-jumped"
):
    """The wall clock left the monotonic one by `by_s` seconds."""

    by_s: float
    was: datetime
    now: datetime


class ClockAccepted(
    Event, frozen=True, kw_only=True, gc=False, omit_defaults=True, tag="clock-accepted"
):
    """A person vouched for a clock behind the log: every cursor ahead of `at` is set to it."""

    at: datetime


class ContentErased(
    Event, frozen=True, kw_only=True, gc=False, omit_defaults=True, tag="content-erased"
):
    """The bytes under these digests are gone on purpose; from this event on they cannot be read."""

    digests: tuple[str, ...]  # at most DIGESTS_PER_EVENT_MAX
    count: int  # of them


class FarEnd(Struct, frozen=True, gc=False, omit_defaults=True, forbid_unknown_fields=True):
    """One connection of the settings, as far as a log may know it: no address beyond the host."""

    name: str
    kind: str
    host: str = ""  # empty for a file


class SettingsLoaded(
    Event, frozen=True, kw_only=True, gc=False, omit_defaults=True, tag="settings-loaded"
):
    """A server took up these settings; secrets are in the digest by their references alone."""

    digest: str  # SHA-256 of all settings
    connections: tuple[FarEnd, ...] = ()  # the first CONNECTIONS_PER_EVENT_MAX, by name
    count: int = 0  # of all connections


class ServicesLoaded(
    Event, frozen=True, kw_only=True, gc=False, omit_defaults=True, tag="services-loaded"
):
    """From here on these are the services; open attempts keep the code they began with."""

    services: dict[str, str | None] = {}  # name -> SHA-256 of its file; the first, by name
    count: int = 0  # of all services
    failures: tuple[str, ...] = ()  # what was not loaded and why; the first ones
    failed: int = 0  # how many were not loaded


class BackupTaken(
    Event, frozen=True, kw_only=True, gc=False, omit_defaults=True, tag="backup-taken"
):
    """A verified copy of the log was made; the head it holds is vouched for here."""

    position: int  # of the copy's last event
    hash: str  # ... in hex
    file: str


class LogRestored(
    Event, frozen=True, kw_only=True, gc=False, omit_defaults=True, tag="log-restored"
):
    """This log is a copy put back: nothing is decided until a person resumes it."""

    position: int  # up to which it is the copy
    file: str
