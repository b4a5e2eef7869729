"""Builds that do what was decided wrongly, or do not keep what was done."""

from tests.broken.build import Build

ACKNOWLEDGED = (
    Build(
        1,
        "a commit is not synced",
        "scheduler/log/schema.py",
        old='    ("synchronous", "FULL", 2),\n',
        new='    ("synchronous", "NORMAL", 1),\n',
        caught_by="tests/scheduler/log/test_guards.py"
        "::test_the_settings_of_a_writing_connection_are_checked",
    ),
    Build(
        1,
        "an answer is given before the commit",
        "scheduler/log/commit.py",
        old="return partial(request.future.set_result, batch.admit(request.prepared))",
        new="return partial(bool, request.future.set_result(batch.admit(request.prepared)))",
        caught_by="tests/scheduler/log/test_writer.py"
        "::test_answers_are_given_after_the_commit_in_the_order_of_the_requests",
    ),
    Build(
        1,
        "a service is called before its start is durable",
        "scheduler/executor/handle.py",
        old="        appended = self.log.submit(request)\n",
        new="        self.on_committed(part.facts)\n        appended = self.log.submit(request)\n",
        caught_by="tests/scheduler/executor/test_turns.py"
        "::test_nothing_is_called_before_its_start_is_durable",
    ),
    Build(
        1,
        "the request key is lost on its way to the log",
        "scheduler/executor/handle.py",
        old="gathered.request(parts[-1].writes, meta, key, position)",
        new="gathered.request(parts[-1].writes, meta, None, position)",
        caught_by="tests/scheduler/executor/test_handle.py"
        "::test_a_key_seen_again_is_answered_as_before_and_decides_nothing",
    ),
)

CARRIED_OUT = (
    Build(
        5,
        "an outcome of a stale epoch counts",
        "scheduler/rules/runs.py",
        old="(run.attempt, run.epoch) == (outcome.attempt, outcome.epoch)",
        new="run.attempt == outcome.attempt",
        caught_by="tests/scheduler/rules/test_runs.py"
        "::test_an_outcome_counts_only_for_the_attempt_that_is_open",
    ),
    Build(
        5,
        "a step of a stale epoch counts",
        "scheduler/rules/runs.py",
        old="(run.attempt, run.epoch) != (wish.attempt, wish.epoch)",
        new="run.attempt != wish.attempt",
        caught_by="tests/scheduler/rules/test_steps.py"
        "::test_a_step_of_another_attempt_or_epoch_is_refused",
    ),
    Build(
        5,
        "a retry starts beside the thread that was given up",
        "scheduler/rules/run_state.py",
        old='        status="abandoned" if event.abandoned else "retrying",\n',
        new='        status="retrying",\n',
        caught_by="tests/scheduler/rules/test_runs.py"
        "::test_no_retry_starts_before_a_given_up_thread_returns",
    ),
    Build(
        5,
        "a failed run is tried once too often",
        "scheduler/rules/runs.py",
        old="    return run.failures + 1 < run.definition.retry.max_attempts\n",
        new="    return run.failures < run.definition.retry.max_attempts\n",
        caught_by="tests/scheduler/rules/test_runs.py"
        "::test_a_failed_attempt_is_tried_again_up_to_max_attempts",
    ),
    Build(
        5,
        "a run that crashes its executor is tried for ever",
        "scheduler/rules/runs.py",
        old="    if is_crash and run.crashes + 1 >= CRASHES_MAX:\n",
        new="    if is_crash and run.crashes + 1 < 0:\n",
        caught_by="tests/scheduler/rules/test_runs.py"
        "::test_the_third_attempt_lost_to_a_crash_ends_the_run_as_a_crash_loop",
    ),
    Build(
        5,
        "a run that is to be held after a crash is repeated",
        "scheduler/rules/runs.py",
        old='    if policy == "hold":\n',
        new='    if policy == "hold" and not is_crash:\n',
        caught_by="tests/scheduler/rules/test_runs.py::test_with_hold_a_crash_holds_the_run",
    ),
    Build(
        5,
        "the key against repeats is another in each attempt",
        "scheduler/model/invocations.py",
        old="        return self.run\n",
        new='        return f"{self.run}/{self.attempt}"\n',
        caught_by="tests/services/test_context.py"
        "::test_the_key_against_repeats_is_equal_in_all_attempts_of_a_run",
    ),
    Build(
        5,
        "a finished step is repeated",
        "services/steps.py",
        old="        if name in self.invocation.steps:\n            return self._recalled(name)\n",
        new="",
        caught_by="tests/services/test_steps.py::test_a_step_that_is_done_is_not_done_again",
    ),
)

PUNCTUAL = (
    Build(
        6,
        "a run starts before its due time",
        "scheduler/rules/waits.py",
        old="""\
        while starts and starts[0][0] <= now:
            _, key = heappop(starts)
            run = self._runs.get(key)
            if run is not None and run.start_at <= now and self._is_its_turn(run):
                self._lanes.push(run)

        def may_start(run: RunState) -> bool:
            return run.start_at <= now and self._is_its_turn(run)
""",
        new="""\
        while starts:
            _, key = heappop(starts)
            run = self._runs.get(key)
            if run is not None and self._is_its_turn(run):
                self._lanes.push(run)

        def may_start(run: RunState) -> bool:
            return self._is_its_turn(run)
""",
        caught_by="tests/scheduler/rules/test_due.py::test_no_run_starts_before_its_due_time",
    ),
    Build(
        6,
        "jitter reaches beyond the next fire",
        "scheduler/model/jitter.py",
        old="        most = min(most, following - fire_time)\n",
        new="        pass\n",
        caught_by="tests/scheduler/model/test_jitter.py::test_a_fire_is_due_before_the_next",
    ),
)

KEPT = (
    Build(
        8,
        "the chain leaves out who asked",
        "scheduler/log/chain.py",
        old="                _NULL if meta is None else _SIZE(_BLOB, len(meta)) + meta,\n",
        new="                _NULL,\n",
        caught_by="tests/scheduler/log/test_chain.py::test_each_column_is_part_of_the_hash",
    ),
    Build(
        8,
        "an event can be changed in place",
        "scheduler/log/schema.py",
        old="CREATE TRIGGER log_never_changes BEFORE UPDATE ON log\n",
        new="CREATE TRIGGER log_never_changes BEFORE UPDATE OF position ON log\n",
        caught_by="tests/scheduler/log/test_guards.py"
        "::test_no_statement_changes_or_removes_an_event",
    ),
    Build(
        8,
        "a second writer is not noticed",
        "scheduler/log/commit.py",
        old="        if found != self.head:\n",
        new="        if found.position < self.head.position:\n",
        caught_by="tests/scheduler/log/test_commit.py::test_a_purge_finds_another_writer",
    ),
    Build(
        9,
        "a checkpoint moves outside of the transaction that writes its rows",
        "projections/projector.py",
        old="""\
            with self._views.transaction() as connection:
                for fold in folds:
                    fold.step(connection, page, last_hash)
""",
        new="""\
            for fold in folds:
                with self._views.transaction() as connection:
                    fold.step(connection, page, last_hash)
""",
        caught_by="tests/projections/test_projector.py"
        "::test_a_page_that_fails_leaves_rows_and_checkpoints_of_all_as_they_were",
    ),
    Build(
        9,
        "views of a log that was set back are kept",
        "projections/projector.py",
        old="        return self._log.hash_at(checkpoint.position) == checkpoint.hash\n",
        new="        return True\n",
        caught_by="tests/projections/test_projector.py"
        "::test_views_of_a_log_that_was_set_back_are_made_anew",
    ),
)

REFUSED = (
    Build(
        10,
        "writing goes on after a failed sync",
        "scheduler/log/commit.py",
        old="""\
                raise  # the commit's own frame was not written: nothing is in doubt
            self.ended = StorageFailed(faults.sentence(error, self._real), in_doubt=True)
            raise self.ended from error
""",
        new="""\
                raise  # the commit's own frame was not written: nothing is in doubt
            raise StorageFailed(faults.sentence(error, self._real), in_doubt=False) from error
""",
        caught_by="tests/scheduler/log/test_commit.py"
        "::test_after_a_failed_commit_nothing_is_written_until_a_restart",
    ),
    Build(
        10,
        "a definition that is not valid is stored",
        "scheduler/rules/lifecycle.py",
        old="    validate(wish.definition)\n    if wish.job in timetable.jobs:\n",
        new="    if wish.job in timetable.jobs:\n",
        caught_by="tests/scheduler/rules/test_lifecycle.py"
        "::test_a_job_that_is_not_valid_is_refused_with_every_field",
    ),
    Build(
        10,
        "a secret in another form is kept in the output",
        "services/connections/secrets.py",
        old="        found = [form for form in names if form in text]\n",
        new="        found = [form for form in names if form in text and form in self._values]\n",
        caught_by="tests/services/connections/test_secrets.py"
        "::test_a_secret_is_found_in_the_forms_it_takes",
    ),
)

KEEPING = (*ACKNOWLEDGED, *CARRIED_OUT, *PUNCTUAL, *KEPT, *REFUSED)
