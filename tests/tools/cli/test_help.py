"""Every verb has its help and stands in the documentation: table, code and page agree."""

import importlib
from pathlib import Path

import click
import pytest

from tests.tools.cli.desk import Desk
from tools.cli.given import VerbCommand
from tools.cli.policies import POLICIES
from tools.cli.verbs import GROUPS, NOUNS, VERBS, Verb

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "cli.md").read_text(encoding="utf-8")


def command_of(verb: Verb) -> click.Command:
    module, _, attribute = verb.target.partition(":")
    command = getattr(importlib.import_module(module), attribute)
    assert isinstance(command, click.Command)
    return command


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb.name)
def test_the_sentence_of_a_verb_is_the_first_line_of_its_help(verb: Verb) -> None:
    command = command_of(verb)
    assert verb.sentence == (command.help or "").splitlines()[0]
    assert verb.name.split()[-1] == command.name


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb.name)
def test_every_option_of_a_verb_has_help(verb: Verb) -> None:
    silent = [
        option.name
        for option in command_of(verb).params
        if isinstance(option, click.Option) and not option.help
    ]
    assert [] == silent


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb.name)
def test_every_verb_prints_its_help(verb: Verb, bare_desk: Desk) -> None:
    printed = bare_desk.done(*verb.name.split(), "--help")
    assert printed.out.startswith(f"Usage: horolog {verb.name}")


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb.name)
def test_every_verb_stands_in_the_documentation(verb: Verb) -> None:
    assert f"| `{verb.name}` | {verb.sentence} |" in PAGE


def test_the_documentation_lists_no_verb_that_is_not_there() -> None:
    _, _, rest = PAGE.partition("## Verbs\n")
    table, _, _ = rest.partition("\n## ")
    listed = [line.split("`")[1] for line in table.splitlines() if line.startswith("| `")]
    assert [verb.name for verb in VERBS] == listed


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: policy.field)
def test_every_field_of_a_job_stands_in_the_documentation(policy: object) -> None:
    field, flag = getattr(policy, "field", ""), getattr(policy, "flag", "")
    sentence = getattr(policy, "sentence", "")
    assert f"| `{field}` | `{flag}` | {sentence} |" in PAGE


def test_the_help_has_the_six_groups_in_their_order(bare_desk: Desk) -> None:
    lines = bare_desk.done("--help").out.splitlines()
    assert list(GROUPS) == [line[:-1] for line in lines if line[:-1] in GROUPS]


def test_every_noun_gathers_verbs() -> None:
    assert {noun.name for noun in NOUNS} == {
        verb.name.split()[0] for verb in VERBS if " " in verb.name
    }


@pytest.mark.parametrize(
    "words",
    [
        ("job", "add", "o", "a.ok", "--every", "5m"),
        ("job", "edit", "held", "--timeout", "5m"),
        ("job", "pause", "held"),
        ("job", "pause", "--all"),
        ("job", "resume", "held"),
        ("job", "resume", "--all"),
        ("job", "rename", "held", "freed"),
        ("run", "start", "held"),
        ("clock", "accept"),
        ("job", "remove", "held"),
    ],
    ids=" ".join,
)
def test_a_writing_verb_answers_with_the_fields_it_is_checked_for(
    desk: Desk, words: tuple[str, ...]
) -> None:
    desk.done("job", "add", "held", "a.ok", "--manual")
    (verb,) = [verb for verb in VERBS if words[:2] == tuple(verb.name.split())]
    command = command_of(verb)
    assert isinstance(command, VerbCommand)
    assert set(command.fields) == set(desk.done(*words, "--json").json)
