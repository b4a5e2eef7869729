"""Every field of a job as a flag: the table `job add`, `job edit` and the documentation share.

A flag is called like its field in an `apply` file: `retry.max_attempts` there is
`--retry-max-attempts` here. Values are passed on as text; what they mean and whether they may be is
`model.plain`'s to say, so a wrong one is told in the same words wherever it was typed.
"""

import re
from collections.abc import Mapping
from typing import Literal, NamedTuple, get_args

import click

from scheduler.model.errors import BadInput
from scheduler.model.jobs import CatchUp, Isolation, OnCrash, Overlap
from scheduler.model.json_values import shown

Kind = Literal["duration", "instant", "count", "number", "choice", "flag", "text", "dates"]
OWN_LABELS = "horolog."
SHAPES: Mapping[Kind, re.Pattern[str]] = {  # Python reads more than people mean: 1_0, nan
    "count": re.compile(r"-?[0-9]{1,300}", re.ASCII),
    "number": re.compile(r"-?[0-9]{1,300}(\.[0-9]{1,300})?", re.ASCII),
}
CLEAR = "none"  # given for a field that may be unset
CALLED = "job:NAME or service:NAME, called"


class Policy(NamedTuple):
    """One field of a definition that people set."""

    path: tuple[str, ...]  # in the plain form: ("retry", "max_attempts")
    kind: Kind
    sentence: str
    choices: tuple[str, ...] = ()
    is_clearable: bool = False  # "none" unsets it
    metavar: str = ""  # when the kind does not say it all
    short: str = ""  # a second name of the flag

    @property
    def field(self) -> str:
        """The field's name as an `apply` file and the documentation write it."""
        return ".".join(self.path)

    @property
    def flag(self) -> str:
        """The field's flag."""
        return "--" + "-".join(self.path).replace("_", "-")

    @property
    def parameter(self) -> str:
        """The name under which click hands over the flag's value."""
        return "_".join(self.path)


POLICIES = (
    Policy(("start_at",), "instant", "No fire time before this.", is_clearable=True),
    Policy(("end_at",), "instant", "No fire time after this.", is_clearable=True),
    Policy(("max_runs",), "count", "So many runs by schedule, then no more.", is_clearable=True),
    Policy(("jitter",), "duration", "Each start is delayed by a part of this."),
    Policy(
        ("exclude",),
        "dates",
        "Days without a fire; may be repeated.",
        is_clearable=True,
        metavar="DATE[..DATE]",
    ),
    Policy(("misfire_grace",), "duration", "Up to this late, a fire is on time."),
    Policy(("catch_up",), "choice", "What becomes of late fires.", get_args(CatchUp)),
    Policy(("catch_up_window",), "duration", "Older late fires are skipped.", is_clearable=True),
    Policy(("catch_up_limit",), "count", "Late fires beyond the newest so many are skipped."),
    Policy(("overlap",), "choice", "What a fire does while a run is open.", get_args(Overlap)),
    Policy(("queue_limit",), "count", "Under queue: so many wait behind the open run."),
    Policy(("cancel_grace",), "duration", "Under cancel: how long the old run has to end."),
    Policy(("timeout",), "duration", "How long an attempt may take."),
    Policy(("retry", "max_attempts"), "count", "How often a run is tried."),
    Policy(("retry", "initial"), "duration", "The delay before the second attempt."),
    Policy(("retry", "factor"), "number", "What each delay is multiplied by for the next."),
    Policy(("retry", "max_delay"), "duration", "The longest delay between two attempts."),
    Policy(
        ("retry", "give_up_after"),
        "duration",
        "No attempt begins so long after the first one did, or after the next fire time.",
        is_clearable=True,
        metavar="DURATION|next-fire",
        short="--give-up-after",
    ),
    Policy(
        ("start_deadline",), "duration", "A run not started by then expires.", is_clearable=True
    ),
    Policy(("on_crash",), "choice", "What a run lost to a crash does.", get_args(OnCrash)),
    Policy(
        ("pause_after_failures",),
        "count",
        "So many failed runs in a row pause the job.",
        is_clearable=True,
    ),
    Policy(
        ("concurrency_key",),
        "text",
        "Runs under one key take turns, as [concurrency] of the settings says.",
        is_clearable=True,
        metavar="KEY",
    ),
    Policy(("isolation",), "choice", "Where the service runs.", get_args(Isolation)),
    Policy(("private",), "flag", "Keep input and results out of the events."),
    Policy(("on_success",), "text", f"{CALLED} when a run succeeds.", is_clearable=True),
    Policy(("on_failure",), "text", f"{CALLED} when one fails or expires.", is_clearable=True),
    Policy(("description",), "text", "What the job is for."),
    Policy(("owner",), "text", "Whom to ask about it."),
    Policy(("runbook",), "text", "Where it is written what to do when it fails."),
)


def policy_options() -> list[click.Option]:
    """Return a new option for each field of the table, in its order, and those for labels."""
    return [
        *(_option(policy) for policy in POLICIES),
        click.Option(
            ["--label", "labels"],
            multiple=True,
            metavar="KEY=VALUE",
            help="A label; may be repeated.",
        ),
    ]


def _option(policy: Policy) -> click.Option:
    text = policy.sentence
    if policy.is_clearable:
        text += f' "{CLEAR}" unsets it.'
    match policy.kind:
        case "flag":
            names = [f"{policy.flag}/--no{policy.flag[1:]}", policy.parameter]
            return click.Option(names, default=None, help=text)
        case "choice":
            kind = click.Choice(policy.choices)
            return click.Option([policy.flag, policy.parameter], type=kind, help=text)
        case _:
            names = [policy.flag, *([policy.short] if policy.short else ()), policy.parameter]
            metavar = policy.metavar or policy.kind.upper()
            is_list = policy.kind == "dates"
            return click.Option(names, metavar=metavar, help=text, multiple=is_list)


def plain_policies(given: Mapping[str, object]) -> dict[str, object]:
    """Return the fields that were given as flags, in the plain form.

    Raises: BadInput, for what is no number where one belongs and for a label without a value.
    """
    plain: dict[str, object] = {}
    for policy in POLICIES:
        value = given.get(policy.parameter)
        if value is None or value == ():
            continue
        table = plain
        for part in policy.path[:-1]:
            inner = table.setdefault(part, {})
            if isinstance(inner, dict):
                table = inner
        table[policy.path[-1]] = _plain_value(policy, value)
    labels = given.get("labels")
    if isinstance(labels, tuple) and labels:
        plain["labels"] = dict(_label(text) for text in labels)
    return plain


def _plain_value(policy: Policy, value: object) -> object:
    if policy.is_clearable and value in (CLEAR, (CLEAR,)):
        return None
    if isinstance(value, tuple) and CLEAR in value:
        raise BadInput.at(
            policy.flag, f'"{CLEAR}" stands beside {len(value) - 1:,} more.', "Say one"
        )
    if not isinstance(value, str) or policy.kind == "text":
        return value
    if policy.kind not in SHAPES:
        return value
    if SHAPES[policy.kind].fullmatch(value) is None:
        raise BadInput.at(policy.flag, f"got {shown(value)} instead of a number.")
    return int(value) if policy.kind == "count" else float(value)


def _label(text: object) -> tuple[str, str]:
    key, equals, value = str(text).partition("=")
    if not equals or not key:
        raise BadInput.at("--label", f"got {shown(text)}.", "Write it as in --label team=billing")
    if key.startswith(OWN_LABELS):
        raise BadInput.at("--label", f"labels that begin with {OWN_LABELS} are Horolog's own.")
    return key, value
