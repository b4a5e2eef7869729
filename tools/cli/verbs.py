"""Every verb of the command, in one table: its place in the help, its name, its code.

The help is written from this table and a verb's module is imported when the verb is called, so
`horolog --help` costs next to nothing however many verbs there are. The sentence of each verb is
its docstring's first line; a test compares the two, and the documentation's list with both.
"""

from typing import NamedTuple

import click


class Noun(NamedTuple):
    """A word that gathers verbs: `job` of `job add`."""

    name: str
    group: str
    sentence: str


class Verb(NamedTuple):
    """A verb: its whole name, the group of the help, the place of its code, its sentence."""

    name: str
    group: str
    target: str
    sentence: str


GROUPS = ("Start", "Jobs", "Runs", "Ask", "Repair", "Operate")

NOUNS = (
    Noun("explain", "Jobs", "Say in words and fire times what a schedule means."),
    Noun("job", "Jobs", "Add, look at and change jobs."),
    Noun("run", "Runs", "Start, look at and settle runs."),
    Noun("log", "Ask", "Look at the events themselves, and verify them."),
    Noun("backfill", "Repair", "Run the occurrences of a past window."),
    Noun("clock", "Repair", "Settle a clock that stands behind the log."),
    Noun("db", "Operate", "Copy the log, and put a copy back."),
    Noun("content", "Operate", "Look at inputs, results and output by digest, and erase them."),
    Noun("service", "Operate", "Look at, call and try what jobs call."),
    Noun("connection", "Operate", "Look at what services reach the world by."),
    Noun("config", "Operate", "Check and show the settings."),
    Noun("projection", "Operate", "List, rebuild and verify the views of the log."),
)

_SERVER = "tools.cli.server"
_EXPLAIN = "tools.cli.explain"
_JOB = "tools.cli.job"
_JOB_VIEWS = "tools.cli.job_views"
_RUN = "tools.cli.run"
_MENDING = "tools.cli.mending"
_RUN_VIEWS = "tools.cli.run_views"
_LOG = "tools.cli.log"
_BACKFILL = "tools.cli.backfill"
_BACKFILL_VIEWS = "tools.cli.backfill_views"
_PROJECTION = "tools.cli.projection"
_CONTENT = "tools.cli.content"

VERBS = (
    Verb("init", "Start", f"{_SERVER}:init", "Make a new log and its settings file."),
    Verb(
        "demo",
        "Start",
        "tools.cli.demo:demo",
        "Show jobs at work on real servers, through a refused mail and a kill -9.",
    ),
    Verb("serve", "Start", f"{_SERVER}:serve", "Run the jobs of a log until stopped."),
    Verb("stop", "Start", f"{_SERVER}:stop", "Stop the server of a log, gracefully."),
    Verb("status", "Start", f"{_SERVER}:status", "Say who serves a log and how it stands."),
    Verb("doctor", "Start", f"{_SERVER}:doctor", "Look for what is wrong with an installation."),
    Verb("job add", "Jobs", f"{_JOB}:add", "Add a job."),
    Verb("job list", "Jobs", f"{_JOB_VIEWS}:list_jobs", "List the jobs."),
    Verb("job show", "Jobs", f"{_JOB_VIEWS}:show", "Show one job: its definition and its state."),
    Verb(
        "job edit", "Jobs", "tools.cli.job_edit:edit", "Change what is named of a job's definition."
    ),
    Verb("job pause", "Jobs", "tools.cli.job_states:pause", "Stop deciding for a job, or for all."),
    Verb(
        "job resume", "Jobs", "tools.cli.job_states:resume", "Decide for a job again, or for all."
    ),
    Verb(
        "job skip-next",
        "Jobs",
        "tools.cli.job_states:skip_next",
        "Pass over the next fire time of a job.",
    ),
    Verb("job rename", "Jobs", "tools.cli.job_states:rename", "Give a job another name."),
    Verb("job remove", "Jobs", "tools.cli.job_states:remove", "Remove a job for good."),
    Verb("job history", "Jobs", f"{_JOB_VIEWS}:history", "Show who changed a job, when and how."),
    Verb("apply", "Jobs", "tools.cli.apply:apply", "Make the jobs be as a file declares them."),
    Verb("next", "Jobs", "tools.cli.next:next_fires", "List what fires next, and what fired last."),
    Verb("explain cron", "Jobs", f"{_EXPLAIN}:cron", "Explain a cron expression."),
    Verb("explain interval", "Jobs", f"{_EXPLAIN}:interval", "Explain an interval."),
    Verb("explain once", "Jobs", f"{_EXPLAIN}:once", "Explain a single instant."),
    Verb("explain job", "Jobs", f"{_EXPLAIN}:job", "Explain the schedule of a job in the log."),
    Verb("run start", "Runs", f"{_RUN}:start", "Run a job now, outside its schedule."),
    Verb("run list", "Runs", f"{_RUN_VIEWS}:list_runs", "List runs, the newest first."),
    Verb("run show", "Runs", f"{_RUN_VIEWS}:show", "Show one run and its attempts."),
    Verb("run output", "Runs", f"{_RUN_VIEWS}:output", "Print what a run's attempt wrote."),
    Verb("run cancel", "Runs", f"{_RUN}:cancel", "End an open or held run."),
    Verb("run retry", "Runs", f"{_MENDING}:retry", "Try ended runs again, as the same runs."),
    Verb("run replay", "Runs", f"{_MENDING}:replay", "Run ended runs once more, as new runs."),
    Verb("run resolve", "Runs", f"{_MENDING}:resolve", "Settle held runs."),
    Verb("why", "Ask", "tools.cli.why:why", "Say what became of one fire time of a job, and why."),
    Verb(
        "missed", "Ask", "tools.cli.missed:missed", "List the fire times that did not become runs."
    ),
    Verb(
        "simulate",
        "Ask",
        "tools.cli.simulate:simulate",
        "Say what would become of each fire time, and write nothing.",
    ),
    Verb("log list", "Ask", f"{_LOG}:list_events", "List events, the oldest first."),
    Verb("log show", "Ask", f"{_LOG}:show", "Show one event whole."),
    Verb("log tail", "Ask", f"{_LOG}:tail", "Print the newest events, and follow."),
    Verb("log verify", "Ask", f"{_LOG}:verify", "Verify the chain of all events."),
    Verb(
        "backfill plan",
        "Repair",
        f"{_BACKFILL}:plan",
        "Say what a backfill would do, and how long it would take.",
    ),
    Verb("backfill start", "Repair", f"{_BACKFILL}:start", "Run the occurrences of a past window."),
    Verb(
        "backfill list",
        "Repair",
        f"{_BACKFILL_VIEWS}:list_backfills",
        "List backfills and how far they are, the newest first.",
    ),
    Verb(
        "backfill show",
        "Repair",
        f"{_BACKFILL_VIEWS}:show",
        "Show one backfill: what was asked for, how far it is, how long it still takes.",
    ),
    Verb("backfill pause", "Repair", f"{_BACKFILL}:pause", "Plan no further run of a backfill."),
    Verb("backfill resume", "Repair", f"{_BACKFILL}:resume", "Go on with a paused backfill."),
    Verb("backfill cancel", "Repair", f"{_BACKFILL}:cancel", "End a backfill for good."),
    Verb("clock accept", "Repair", "tools.cli.clock:accept", "Vouch for the clock as it stands."),
    Verb(
        "db backup", "Operate", "tools.cli.db:backup", "Copy the log, verified, while it is used."
    ),
    Verb("db restore", "Operate", "tools.cli.db:restore", "Put a copy back, with all jobs paused."),
    Verb("content erase", "Operate", f"{_CONTENT}:erase", "Remove content from the log for good."),
    Verb(
        "content show",
        "Operate",
        f"{_CONTENT}:show",
        "Show one content, and which events name it.",
    ),
    Verb(
        "service list",
        "Operate",
        "tools.cli.service:list_services",
        "List the services that jobs can call.",
    ),
    Verb(
        "service show",
        "Operate",
        "tools.cli.service:show",
        "Show one service: where it is defined, which code it is and which jobs call it.",
    ),
    Verb(
        "service call",
        "Operate",
        "tools.cli.service_call:call_service",
        "Call a service now, as a recorded run without a job.",
    ),
    Verb(
        "service try",
        "Operate",
        "tools.cli.service_call:try_service",
        "Carry out a service once, without a log.",
    ),
    Verb(
        "service reload",
        "Operate",
        "tools.cli.service:reload",
        "Have the server load what has changed, at once.",
    ),
    Verb(
        "connection list",
        "Operate",
        "tools.cli.connection:list_connections",
        "List the connections of the settings.",
    ),
    Verb(
        "connection ping",
        "Operate",
        "tools.cli.connection:ping",
        "Ask the far end of connections whether it is there.",
    ),
    Verb(
        "config check",
        "Operate",
        "tools.cli.config:check",
        "Check the settings, and that every secret they name can be read.",
    ),
    Verb(
        "config show", "Operate", "tools.cli.config:show", "Show every setting as it counts here."
    ),
    Verb("projection list", "Operate", f"{_PROJECTION}:list_views", "List the views of the log."),
    Verb("projection rebuild", "Operate", f"{_PROJECTION}:rebuild", "Fold a view again from 0."),
    Verb("projection verify", "Operate", f"{_PROJECTION}:verify", "Compare a view with the log."),
)

_BY_NAME = {verb.name: verb for verb in VERBS}
_NOUN_BY_NAME = {noun.name: noun for noun in NOUNS}


class VerbTable(click.Group):
    """A group that takes its verbs from the table and imports one when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # click's own shape
        """Return the names of the verbs and nouns below this group."""
        return [name for _, name, _ in self.entries()]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002  # its signature
        """Return a verb's command, its module imported now; None when there is none."""
        whole = f"{self.prefix}{cmd_name}"
        if whole in _NOUN_BY_NAME:
            return noun_group(_NOUN_BY_NAME[whole])
        if whole not in _BY_NAME:
            return None
        module_name, _, attribute = _BY_NAME[whole].target.partition(":")
        import importlib

        command = getattr(importlib.import_module(module_name), attribute)
        if not isinstance(command, click.Command):
            raise TypeError(f"{module_name}:{attribute} is no command")
        return command

    def format_commands(
        self,
        ctx: click.Context,  # noqa: ARG002  # click's own shape
        formatter: click.HelpFormatter,
    ) -> None:
        """Write the verbs by group, from the table; nothing is imported."""
        entries = self.entries()
        for group in GROUPS if not self.prefix else ("Verbs",):
            rows = [(name, text) for where, name, text in entries if group in (where, "Verbs")]
            if rows:
                with formatter.section(group):
                    formatter.write_dl(rows)

    @property
    def prefix(self) -> str:
        """What stands before the names of the verbs below: "job " or nothing."""
        return f"{self.name} " if self.name in _NOUN_BY_NAME else ""

    def entries(self) -> list[tuple[str, str, str]]:
        """Return (group, name, sentence) of what stands below this group, in the table's order."""
        if self.prefix:
            return [
                (verb.group, verb.name.removeprefix(self.prefix), verb.sentence)
                for verb in VERBS
                if verb.name.startswith(self.prefix)
            ]
        found: dict[str, tuple[str, str, str]] = {}
        for verb in VERBS:
            first, _, rest = verb.name.partition(" ")
            if not rest:
                found[first] = (verb.group, first, verb.sentence)
            elif first not in found:
                noun = _NOUN_BY_NAME[first]
                found[first] = (noun.group, first, noun.sentence)
        return list(found.values())


class ExplainTable(VerbTable):
    """`explain JOB` is `explain job JOB`, for every job that is not called like a verb."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the verb that is named first, else `job` with all arguments."""
        if args and f"{self.prefix}{args[0]}" not in _BY_NAME and not args[0].startswith("-"):
            args = ["job", *args]
        return super().resolve_command(ctx, args)


def noun_group(noun: Noun) -> click.Group:
    """Return the group of a noun's verbs."""
    kind = ExplainTable if noun.name == "explain" else VerbTable
    return kind(name=noun.name, help=noun.sentence, short_help=noun.sentence)
