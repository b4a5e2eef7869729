"""Everything that can happen: one class per fact, one tagged union.

An event says what became true, in the past tense, with what is needed to fold it and nothing that
can be reckoned. The tag is a literal and never follows the class's name. `REVISIONS` counts each
type's body up; a new field raises it and brings an upcaster (`log.upcast`). When and by whom stands
in the envelope (`log.contract`), not here. The classes stand in a room each for runs, jobs,
backfills and the whole; everybody takes them from here.

The hottest events come first, here and in every `match`.
"""

from typing import get_args

from scheduler.model.backfill_events import (
    BackfillAdvanced,
    BackfillCancelled,
    BackfillEvent,
    BackfillFinished,
    BackfillPaused,
    BackfillRequested,
    BackfillResumed,
)
from scheduler.model.event import Event
from scheduler.model.job_events import (
    FiresSkipped,
    JobDefined,
    JobExhausted,
    JobPaused,
    JobRemoved,
    JobRenamed,
    JobResumed,
    JobRevised,
    NextFireRestored,
    NextFireSkipped,
)
from scheduler.model.run_events import (
    AttemptFailed,
    AttemptInterrupted,
    AttemptLogged,
    AttemptStarted,
    CancelRequested,
    LateOutcomeIgnored,
    RunCancelled,
    RunEvent,
    RunExpired,
    RunFailed,
    RunHeld,
    RunPlanned,
    RunReopened,
    RunResolved,
    RunSucceeded,
    ServiceCalled,
    StepCompleted,
)
from scheduler.model.system_events import (
    BackupTaken,
    ClockAccepted,
    ClockJumped,
    ContentErased,
    FarEnd,
    LogCreated,
    LogRestored,
    ServicesLoaded,
    SettingsLoaded,
    SystemPaused,
    SystemResumed,
    SystemStarted,
    SystemStopped,
)

__all__ = [
    "EVENT_TYPES",
    "REVISIONS",
    "AnyEvent",
    "AttemptFailed",
    "AttemptInterrupted",
    "AttemptLogged",
    "AttemptStarted",
    "BackfillAdvanced",
    "BackfillCancelled",
    "BackfillEvent",
    "BackfillFinished",
    "BackfillPaused",
    "BackfillRequested",
    "BackfillResumed",
    "BackupTaken",
    "CancelRequested",
    "ClockAccepted",
    "ClockJumped",
    "ContentErased",
    "Event",
    "FarEnd",
    "FiresSkipped",
    "JobDefined",
    "JobExhausted",
    "JobPaused",
    "JobRemoved",
    "JobRenamed",
    "JobResumed",
    "JobRevised",
    "LateOutcomeIgnored",
    "LogCreated",
    "LogRestored",
    "NextFireRestored",
    "NextFireSkipped",
    "RunCancelled",
    "RunEvent",
    "RunExpired",
    "RunFailed",
    "RunHeld",
    "RunPlanned",
    "RunReopened",
    "RunResolved",
    "RunSucceeded",
    "ServiceCalled",
    "ServicesLoaded",
    "SettingsLoaded",
    "StepCompleted",
    "SystemPaused",
    "SystemResumed",
    "SystemStarted",
    "SystemStopped",
]

AnyEvent = (
    RunEvent
    | ServiceCalled
    | FiresSkipped
    | JobDefined
    | JobRevised
    | JobRenamed
    | JobPaused
    | JobResumed
    | JobRemoved
    | JobExhausted
    | NextFireSkipped
    | NextFireRestored
    | BackfillEvent
    | LogCreated
    | SystemStarted
    | SystemStopped
    | BackupTaken
    | LogRestored
    | SystemPaused
    | SystemResumed
    | ClockJumped
    | ClockAccepted
    | ContentErased
    | SettingsLoaded
    | ServicesLoaded
)
EVENT_TYPES: dict[str, type[AnyEvent]] = {
    str(kind.__struct_config__.tag): kind for kind in get_args(AnyEvent)
}
REVISIONS: dict[str, int] = {  # of each type's body, as written today
    **dict.fromkeys(EVENT_TYPES, 1),
    "run-planned": 2,
    "service-called": 2,
    "attempt-failed": 2,
    "cancel-requested": 2,
    "run-cancelled": 2,
    "fires-skipped": 2,
    "job-defined": 2,
    "job-revised": 2,
    "job-paused": 2,
    "system-paused": 2,
}
