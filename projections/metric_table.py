"""Every metric there is: name, kind, help, labels and unit, in the order in which they are shown.

Nothing is exposed that does not stand here; the documentation is made from this table, and the
alert rules are held against it. A counter's name is written as Prometheus shows it, with `_total`.
"""

from typing import Final, Literal, NamedTuple

Kind = Literal["counter", "gauge", "histogram", "info"]


class Metric(NamedTuple):
    """One metric family."""

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    unit: str = ""  # "": it is a number of things


JOB: Final = ("job_name",)
METRICS: Final = (
    # -- jobs
    Metric("horolog_jobs", "gauge", "Jobs that are not removed.", ("state",)),
    Metric(
        "horolog_jobs_unlisted",
        "gauge",
        "Jobs without series of their own: the cap is reached, their figures stand under _other.",
    ),
    Metric(
        "horolog_job_next_fire_timestamp_seconds",
        "gauge",
        "The job's first fire time that is not decided yet and will run; it is past while deciding"
        " is behind.",
        JOB,
        "seconds",
    ),
    Metric(
        "horolog_job_deadline_timestamp_seconds",
        "gauge",
        "When the job's next success is overdue: the first fire time since the last success, or"
        " else the next one, plus misfire grace, jitter, timeout of every attempt and longest"
        " pauses between attempts, under overlap queue also those of the runs ahead.",
        JOB,
        "seconds",
    ),
    Metric(
        "horolog_job_last_start_timestamp_seconds",
        "gauge",
        "When the job's last attempt started.",
        JOB,
        "seconds",
    ),
    Metric(
        "horolog_job_last_success_timestamp_seconds",
        "gauge",
        "When the job's last successful run ended.",
        JOB,
        "seconds",
    ),
    Metric(
        "horolog_job_last_failure_timestamp_seconds",
        "gauge",
        "When the job's last failed or expired run ended.",
        JOB,
        "seconds",
    ),
    Metric(
        "horolog_job_consecutive_failures",
        "gauge",
        "Runs of the job that failed or expired since its last success. Those of backfills neither"
        " add to it nor end it; a rerun that succeeds ends it.",
        JOB,
    ),
    Metric(
        "horolog_job_unfinished_runs",
        "gauge",
        "Runs of the job that have not ended. abandoned: given up, but its thread still runs and"
        " keeps its slot. held: it waits for a person.",
        (*JOB, "status"),
    ),
    Metric("horolog_backfills", "gauge", "Backfills that are not over.", ("state",)),
    Metric(
        "horolog_backfill_occurrences_left",
        "gauge",
        "Occurrences that backfills which are not over have not looked at yet.",
    ),
    # -- counts over the log
    Metric(
        "horolog_runs_total",
        "counter",
        "Runs that ended. One that is tried again afterwards ends, and counts, once more.",
        (*JOB, "cause", "outcome"),
    ),
    Metric("horolog_attempts_total", "counter", "Attempts that ended.", (*JOB, "cause", "outcome")),
    Metric(
        "horolog_fires_skipped_total",
        "counter",
        "Fire times that did not become runs.",
        (*JOB, "reason"),
    ),
    Metric(
        "horolog_start_delay_seconds",
        "histogram",
        "From a run's due time to the start of its first attempt.",
        JOB,
        "seconds",
    ),
    Metric(
        "horolog_attempt_duration_seconds",
        "histogram",
        "How long attempts took that succeeded or failed.",
        JOB,
        "seconds",
    ),
    # -- the log and its views
    Metric("horolog_log_position", "gauge", "Events in the log."),
    Metric(
        "horolog_log_size_bytes",
        "gauge",
        "Size of the log's file and its write-ahead log.",
        unit="bytes",
    ),
    Metric(
        "horolog_append_seconds",
        "histogram",
        "From handing events to the log until they are durable, since this server started.",
        unit="seconds",
    ),
    Metric(
        "horolog_projection_lag_events",
        "gauge",
        "Events that the views do not show yet; the metrics of jobs are as old as that.",
    ),
    Metric(
        "horolog_views_up",
        "gauge",
        "1 when the views can be read and are kept up; at 0 job metrics are old or missing.",
    ),
    # -- the server
    Metric(
        "horolog_build_info",
        "info",
        "Versions of Horolog and of what it stands on.",
        ("version", "python", "sqlite", "croniter", "tzdata"),
    ),
    Metric("horolog_start_timestamp_seconds", "gauge", "When this server started.", unit="seconds"),
    Metric("horolog_ready", "gauge", "1 when anything can be decided; /readyz says why not."),
    Metric(
        "horolog_loop_heartbeat_age_seconds",
        "gauge",
        "Since when the deciding loop has not moved, by a clock that is never set.",
        unit="seconds",
    ),
    Metric(
        "horolog_clock_offset_seconds",
        "gauge",
        "How far the log is ahead of the clock; nothing fires until the clock has caught up.",
        unit="seconds",
    ),
    Metric("horolog_fires_owed", "gauge", "Jobs with a fire time that is due and undecided."),
    Metric(
        "horolog_jobs_held_apart",
        "gauge",
        "Jobs that do not fire, as their time zone is not known here; /readyz names them.",
    ),
    Metric("horolog_paused", "gauge", "1 while everything is paused."),
    Metric("horolog_resting", "gauge", "1 while deciding rests after a jump of the clock."),
    Metric("horolog_faulty", "gauge", "1 while nothing can be stored."),
    Metric("horolog_slots", "gauge", "Attempts that may run at once."),
    Metric("horolog_slots_taken", "gauge", "Slots taken, abandoned attempts included."),
)
