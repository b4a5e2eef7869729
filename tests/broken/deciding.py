"""Builds that decide wrongly: twice, in silence, otherwise after a restart, or off the clock."""

from tests.broken.build import Build

DECIDED_ONCE = (
    Build(
        2,
        "an occurrence may have a second first run",
        "scheduler/log/admit.py",
        old="            if actual != expected:\n",
        new="            if actual != expected and expected:\n",
        caught_by="tests/scheduler/log/test_memory.py::TestMemoryLog"
        "::test_a_stream_cannot_begin_twice",
    ),
    Build(
        2,
        "the file lets a second first run take the place of the first",
        "scheduler/log/schema.py",
        old="  OR EXISTS (SELECT 1 FROM log WHERE stream = NEW.stream AND version = NEW.version)\n",
        new="",
        caught_by="tests/scheduler/log/test_guards.py"
        "::test_no_insert_takes_the_place_of_an_event[a version that is taken-REPLACE]",
    ),
    Build(
        2,
        "a writer that has not read the whole log may append",
        "scheduler/log/admit.py",
        old="        if after is not None and after != self.head.position:\n",
        new="        if after is not None and after > self.head.position:\n",
        caught_by="tests/scheduler/executor/test_outbox.py"
        "::test_another_writer_is_noticed_by_the_position",
    ),
    Build(
        2,
        "the fold takes a fire time that was decided before",
        "scheduler/rules/job_state.py",
        old="    if fire_time <= state.cursor:\n",
        new="    if fire_time < state.defined_at:\n",
        caught_by="tests/scheduler/rules/test_run_state.py"
        "::test_the_fold_refuses_a_run_of_a_fire_time_that_was_decided",
    ),
    Build(
        2,
        "what ran before the clock was set back fires again",
        "scheduler/executor/handle.py",
        old="        return self.log.version(fire_stream(fire_time, job)) > 0\n",
        new="        return self.log.version(fire_stream(fire_time, job)) < 0\n",
        caught_by="tests/scheduler/executor/test_handle.py"
        "::test_whether_an_occurrence_has_a_run_is_looked_up_in_the_log",
    ),
    Build(
        2,
        "overlap skip lets a run be planned beside an open one",
        "scheduler/rules/overlap.py",
        old='        if self.policy.overlap == "skip":\n            return "overlap"\n',
        new="",
        caught_by="tests/scheduler/rules/test_overlap.py"
        "::test_under_skip_a_fire_during_an_open_run_is_skipped",
    ),
    Build(
        2,
        "a queue holds one more than it says",
        "scheduler/rules/overlap.py",
        old="len(self._open) > self.policy.queue_limit",
        new="len(self._open) > self.policy.queue_limit + 1",
        caught_by="tests/scheduler/rules/test_overlap.py"
        "::test_under_queue_a_fire_beyond_the_limit_is_skipped_as_queue_full",
    ),
    Build(
        2,
        "overlap cancel ends nothing",
        "scheduler/rules/overlap.py",
        old='        if self.policy.overlap != "cancel":\n',
        new="        if self.policy.overlap:\n",
        caught_by="tests/scheduler/rules/test_overlap.py"
        "::test_under_cancel_a_running_one_is_asked_to_end_and_the_next_waits_for_it",
    ),
    Build(
        2,
        "a backfill of what is missing runs what has run",
        "scheduler/rules/backfill.py",
        old='    if only == "all" or (only == "failed" and last.status in BADLY):\n',
        new='    if only != "failed" or last.status in BADLY:\n',
        caught_by="tests/scheduler/rules/test_backfill.py::test_asked_again_it_runs_nothing_twice",
    ),
    Build(
        2,
        "whoever records an end plans a callback of their own",
        "scheduler/rules/callbacks.py",
        old='Caller(f"{run.run}/{run.attempt}", run.due_time, run.run, run.depth)',
        new='Caller(f"{run.run}/{now}", run.due_time, run.run, run.depth)',
        caught_by="tests/scheduler/rules/test_callbacks.py"
        "::test_whoever_records_an_end_plans_the_same_call",
    ),
)

NO_SILENT_SKIP = (
    Build(
        3,
        "a misfire is forgotten",
        "scheduler/rules/plan.py",
        old="            self._skip_until(bound, lateness.none_reason)\n",
        new="            self._seen = bound\n",
        caught_by="tests/scheduler/rules/test_plan.py"
        "::test_without_catch_up_all_late_fires_are_one_skip_with_their_count",
    ),
    Build(
        3,
        "a coalesced stretch is forgotten",
        "scheduler/rules/plan.py",
        old='                self._skip_until(newest[0] - ONE_SECOND, "coalesced")\n',
        new="",
        caught_by="tests/scheduler/rules/test_plan.py"
        "::test_of_late_fires_latest_runs_the_newest_and_coalesces_those_before",
    ),
    Build(
        3,
        "an excluded day is passed over in silence",
        "scheduler/rules/plan.py",
        old="                self._skip_window(piece.until, piece.reason)\n",
        new="                self._seen = piece.until\n",
        caught_by="tests/scheduler/rules/test_plan_marks.py"
        "::test_a_fire_on_an_excluded_day_is_skipped_as_excluded",
    ),
    Build(
        3,
        "a long absence is counted up to a limit",
        "scheduler/rules/plan.py",
        old="        count = count_fires(schedule, after=after, until=until) - ",
        new="        count = min(count_fires(schedule, after=after, until=until), 10_000) - ",
        caught_by="tests/scheduler/rules/test_plan.py"
        "::test_a_month_of_downtime_is_one_event_with_the_exact_count",
    ),
    Build(
        3,
        "the fold takes a skip that leaves time before it undecided",
        "scheduler/rules/job_state.py",
        old="    if event.after != state.cursor or event.until <= event.after:\n",
        new="    if event.after < state.cursor or event.until <= event.after:\n",
        caught_by="tests/scheduler/rules/test_run_state.py"
        "::test_the_fold_refuses_a_skip_that_does_not_begin_where_the_last_decision_ended",
    ),
    Build(
        3,
        "an edit forgets what was due",
        "scheduler/rules/lifecycle.py",
        old="    return [*facts, Fact(job_stream(wish.job), event)]\n",
        new="    return [Fact(job_stream(wish.job), event)]\n",
        caught_by="tests/scheduler/rules/test_edits.py"
        "::test_an_edit_decides_what_is_due_first_by_the_old_schedule_and_the_new_catch_up",
    ),
    Build(
        3,
        "the run that stands for coalesced fires leaves their time uncovered",
        "scheduler/rules/plan.py",
        old="        if job.coalesced_after is not None:\n            if job.last_run_fire",
        new="        if job.coalesced_after is not None and not job.on_grid:\n"
        "            if job.last_run_fire",
        caught_by="tests/scheduler/rules/test_plan_bounds.py"
        "::test_a_run_that_stands_for_coalesced_fires_covers_the_time_since_the_last_run",
    ),
)

RESUMED = (
    Build(
        4,
        "cron is evaluated again when the log is replayed",
        "scheduler/rules/job_state.py",
        old="            return planned(state, at)\n",
        new="""\
            from scheduler.model.firing import next_fire

            again = next_fire(state.definition.schedule, state.cursor)
            return planned(state, again or at)
""",
        caught_by="tests/scheduler/rules/test_run_state.py"
        "::test_a_fire_time_that_was_planned_is_believed_whatever_the_schedule_says",
    ),
    Build(
        4,
        "a restart leaves the attempts of the last epoch open",
        "scheduler/rules/resume.py",
        old="        if timetable.runs[key].epoch < epoch\n",
        new="        if timetable.runs[key].epoch > epoch\n",
        caught_by="tests/scheduler/rules/test_resume.py"
        "::test_attempts_that_an_older_epoch_left_open_are_settled",
    ),
    Build(
        4,
        "a pause ends when somebody wakes",
        "scheduler/rules/due.py",
        old="            at, missed = job.pause_end\n",
        new="            at, missed = now, job.pause_end.missed\n",
        caught_by="tests/scheduler/rules/test_pause_ends.py"
        "::test_it_ends_at_its_time_also_when_nobody_was_awake",
    ),
    Build(
        4,
        "a backfill follows the schedule of today",
        "scheduler/rules/backfill_request.py",
        old='    if wish.schedule == "current":\n',
        new="    if wish.schedule:\n",
        caught_by="tests/scheduler/rules/test_backfill_request.py"
        "::test_the_fire_times_are_those_of_the_schedule_that_held_at_each_instant",
    ),
    Build(
        4,
        "a snapshot forgets backfills",
        "scheduler/executor/snapshot.py",
        old="        [(backfill.state, backfill.version) for backfill in whole.backfills],\n",
        new="        [],\n",
        caught_by="tests/scheduler/executor/test_snapshot.py"
        "::test_a_snapshot_holds_backfills_and_failures_in_a_row",
    ),
    Build(
        4,
        "a snapshot forgets failures in a row",
        "scheduler/executor/snapshot.py",
        old="            picture.failures.get(key, 0),\n",
        new="            0,\n",
        caught_by="tests/scheduler/executor/test_snapshot.py"
        "::test_a_snapshot_holds_backfills_and_failures_in_a_row",
    ),
    Build(
        4,
        "a snapshot that other code has folded is believed",
        "scheduler/executor/snapshot.py",
        old='" WHERE code = ? ORDER BY position DESC"',
        new='" WHERE ? IS NOT NULL ORDER BY position DESC"',
        caught_by="tests/scheduler/executor/test_snapshot.py"
        "::test_a_snapshot_of_other_code_is_ignored",
    ),
)

NO_DRIFT = (
    Build(
        7,
        "an interval drifts",
        "scheduler/model/firing.py",
        old="        following = anchor + ((after - anchor) // every + 1) * every\n",
        new="        following = after + every\n",
        caught_by="tests/scheduler/model/test_firing.py::test_an_interval_does_not_drift",
    ),
    Build(
        7,
        "a fixed hour fires twice when clocks go back",
        "scheduler/model/clock_changes.py",
        old="        named ^= shown\n",
        new="",
        caught_by="tests/scheduler/model/test_clock_changes.py"
        "::test_a_fixed_time_that_occurs_twice_fires_on_its_first_pass",
    ),
    Build(
        7,
        "a fixed hour in a gap is lost when clocks go forward",
        "scheduler/model/clock_changes.py",
        old="        if 0 < gap <= MADE_UP_SECONDS_MAX:\n",
        new="        if MADE_UP_SECONDS_MAX < gap <= 0:\n",
        caught_by="tests/scheduler/model/test_clock_changes.py"
        "::test_a_fixed_time_in_a_gap_fires_at_the_first_instant_after_it",
    ),
)

DECIDING = (*DECIDED_ONCE, *NO_SILENT_SKIP, *RESUMED, *NO_DRIFT)
