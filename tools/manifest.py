"""Jobs as a file declares them, and what is to be done so that the log has them so.

A manifest is TOML: `[jobs.NAME]` tables, or a list `[[jobs]]` whose entries bear a name; their
fields are those of a definition (`model.plain`). Each job gets the label `horolog.file`, by which
the file knows its own jobs again: pruning removes what bears its label and is no longer declared,
and nothing else. The label holds the file's path, or what the file calls itself by `set = "..."`,
which survives a move.

Nothing is sent here: a plan is made of the file and of the jobs as the views show them.
"""

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from projections.rows import JobRow
from scheduler.model.callbacks import job_called_by
from scheduler.model.content import Contents, text_of
from scheduler.model.errors import BadInput, Problem
from scheduler.model.jobs import Definition, JobId
from scheduler.model.json_values import shown
from scheduler.model.limits import (
    LABEL_CHARS_MAX,
    MANIFEST_BYTES_MAX,
    MANIFEST_JOBS_MAX,
    PROBLEMS_TOLD_MAX,
)
from scheduler.model.nearness import nearest
from scheduler.model.plain import read_definition
from scheduler.model.private import Content, is_same
from scheduler.rules.lifecycle import anchored

LABEL = "horolog.file"  # on each job that a manifest declares
KEYS = ("set", "jobs")
Action = Literal["add", "edit", "unchanged", "remove"]


class Declared(Struct, frozen=True):
    """A job as a manifest declares it."""

    definition: Definition
    contents: Contents


class Manifest(Struct, frozen=True):
    """What a file declares, and the name by which it knows its jobs again."""

    set: str
    jobs: tuple[Declared, ...]


class Step(Struct, frozen=True, kw_only=True):
    """What becomes of one job."""

    action: Action
    name: str
    job: JobId | None = None  # None: it is not there yet
    before: Definition | None = None
    after: Definition | None = None
    contents: Contents = {}


def read_manifest(raw: bytes, *, source: str, now: datetime, timezone: str) -> Manifest:
    """Return what a file declares; `timezone` is that of whoever names none.

    Raises: BadInput, with the problems of all jobs at once, the first PROBLEMS_TOLD_MAX of them.
    """
    tables = _toml(raw, source)
    problems = [_unknown(key, source) for key in tables if key not in KEYS]
    name = _set_of(tables, source, problems)
    declared: dict[str, Declared] = {}
    for path, plain in _jobs(tables.get("jobs"), source, problems):
        try:
            definition, contents = read_definition(plain, now=now, timezone=timezone, path=path)
            _refuse_twice(definition, declared, path)
            labels = {**_own_labels(definition, path), LABEL: name}
            marked = replace(definition, labels=labels)
            declared[definition.name] = Declared(marked, contents)
        except BadInput as bad:
            problems += bad.problems
    if problems:
        raise BadInput(*problems[:PROBLEMS_TOLD_MAX])
    return Manifest(name, tuple(called_first(declared)))


def called_first(declared: Mapping[str, Declared]) -> Iterator[Declared]:
    """Yield jobs in their order, but those that others call back before these.

    Jobs that call one another in a circle come as they stand: they are refused later on.
    """
    left = dict(declared)
    for name in declared:
        waiting = [name]
        while waiting:
            job = left.get(waiting[-1])
            following = [] if job is None else [n for n in _calls(job.definition) if n in left]
            unseen = [n for n in following if n not in waiting]
            if unseen:
                waiting += unseen[:1]
                continue
            done = left.pop(waiting.pop(), None)
            if done is not None:
                yield done


def _calls(definition: Definition) -> list[str]:
    """Return the names of the jobs that a job calls back."""
    called = (job_called_by(definition.on_success), job_called_by(definition.on_failure))
    return [name for name in called if name is not None]


def plan(
    manifest: Manifest, jobs: Sequence[JobRow], *, content: Content, now: datetime, prune: bool
) -> Iterator[Step]:
    """Yield what is to be done for each declared job, in the manifest's order, then what is pruned.

    `jobs` are all that are not removed; `content` looks up what the log holds by digest.
    """
    standing = {row.name: row for row in jobs}
    for declared in manifest.jobs:
        name = declared.definition.name
        row = standing.pop(name, None)
        if row is None:
            yield Step(
                action="add", name=name, after=declared.definition, contents=declared.contents
            )
            continue
        after, _ = anchored(declared.definition, row.definition, now)
        after = with_standing_input(after, row.definition, declared.contents, content)
        yield Step(
            action="unchanged" if after == row.definition else "edit",
            name=name,
            job=row.job_id,
            before=row.definition,
            after=after,
            contents=declared.contents,
        )
    for row in standing.values():
        if prune and row.definition.labels.get(LABEL) == manifest.set:
            yield Step(action="remove", name=row.name, job=row.job_id, before=row.definition)


def with_standing_input(
    after: Definition, before: Definition, contents: Contents, content: Content
) -> Definition:
    """Return a definition with the private input that stands, when it declares the same again."""
    given, standing = after.input, before.input
    if not after.private or given is None or standing is None:
        return after
    text = text_of(given, None if given.digest is None else contents.get(given.digest))
    if text is None or not is_same(standing, given.kind, text, content):
        return after
    return replace(after, input=standing)


def _toml(raw: bytes, source: str) -> dict[str, object]:
    if len(raw) > MANIFEST_BYTES_MAX:
        raise BadInput.at(source, f"is larger than {MANIFEST_BYTES_MAX:,} bytes.", "Divide it")
    try:
        return tomllib.loads(raw.decode())
    except UnicodeDecodeError as error:
        raise BadInput.at(source, f"byte {error.start} is not UTF-8.") from None
    except tomllib.TOMLDecodeError as error:
        raise BadInput.at(source, f"this is not TOML: {error}.") from None
    except RecursionError:
        raise BadInput.at(source, "is nested too deep.") from None


def _unknown(key: str, source: str) -> Problem:
    near = nearest(key, KEYS)
    hint = f"Did you mean {near}?" if near else f"Known here: {', '.join(KEYS)}"
    return Problem(f"{source}: {key}", "is nothing that a file of jobs has.", hint)


def _set_of(tables: Mapping[str, object], source: str, problems: list[Problem]) -> str:
    """Return what the file calls itself, else its path."""
    name = tables.get("set")
    if name is None:
        path = str(Path(source).resolve())
        if len(path) > LABEL_CHARS_MAX or not path.isprintable():
            problems.append(Problem(source, "has a path no label can hold.", 'Add set = "NAME"'))
        return path
    if not isinstance(name, str) or not 1 <= len(name) <= LABEL_CHARS_MAX or not name.isprintable():
        problems.append(
            Problem(f"{source}: set", f"got {shown(name)} instead of a name.", 'As in set = "crm"')
        )
    return str(name)


def _jobs(
    jobs: object, source: str, problems: list[Problem]
) -> Iterator[tuple[str, Mapping[object, object]]]:
    """Yield the path and the fields of each job of a file."""
    entries: list[tuple[str, object]] = []
    match jobs:
        case None:
            return
        case list():
            entries = [(f"{source}: jobs[{place}]", entry) for place, entry in enumerate(jobs)]
        case dict():
            for name, entry in jobs.items():
                path = f"{source}: jobs.{name if name.isidentifier() else shown(name)}"
                named = {"name": name, **entry} if isinstance(entry, dict) else entry
                entries.append((path, named))
        case _:
            problems.append(Problem(f"{source}: jobs", "is no table of jobs.", "As in [jobs.NAME]"))
    if len(entries) > MANIFEST_JOBS_MAX:
        problems.append(
            Problem(f"{source}: jobs", f"has {len(entries):,}; at most {MANIFEST_JOBS_MAX:,}.")
        )
        return
    for path, entry in entries:
        if isinstance(entry, dict):
            yield path, entry
        else:
            problems.append(Problem(path, f"got {shown(entry)} instead of a table of fields."))


def _refuse_twice(definition: Definition, declared: Mapping[str, Declared], path: str) -> None:
    if definition.name in declared:
        raise BadInput.at(f"{path}.name", f"{shown(definition.name)} is declared twice.")


def _own_labels(definition: Definition, path: str) -> dict[str, str]:
    """Return the labels a job declares; none may be one of ours."""
    for key in definition.labels:
        if key.startswith("horolog."):
            raise BadInput.at(
                f"{path}.labels",
                f"{shown(key)}: labels that begin with horolog. are Horolog's own.",
            )
    return definition.labels
