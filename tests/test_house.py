"""The rules of the house that the linter, the type checker and import-linter cannot see.

Each rule is one test that reads the tree as it stands and names every offender. Nothing is imported
from the four packages: a file that cannot even be imported is still measured.
"""

import ast
import os
import re
import tokenize
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FLOORS = ("scheduler", "projections", "services", "tools")

FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 60

CLOCK = "scheduler/executor/clock.py"
CRON = "scheduler/model/cron.py"

UNWANTED_MODULES = frozenset({"common", "helper", "helpers", "misc", "util", "utils"})
UNWANTED_WORDS = frozenset({"helper", "helpers", "manager", "managers", "task", "tasks"})

CLOCK_READS = frozenset(
    {("date", "today")}
    | {("datetime", name) for name in ("now", "today", "utcnow")}
    | {
        ("time", name + unit)
        for name in ("monotonic", "perf_counter", "process_time", "thread_time", "time")
        for unit in ("", "_ns")
    }
    | {("time", name) for name in ("clock_gettime", "clock_gettime_ns", "gmtime", "localtime")}
    | {("uuid", f"uuid{version}") for version in (1, 4, 6, 7, 8)}
    | {("os", "urandom")}
)
SOURCES_OF_CHANCE = frozenset({"random", "secrets"})

TEXT_SUFFIXES = frozenset(
    {"", ".cfg", ".css", ".html", ".ini", ".js", ".json", ".jsonl", ".md", ".py", ".service"}
    | {".sh", ".sql", ".svg", ".toml", ".txt", ".yaml", ".yml"}
)
# One letter stands in brackets, so that this file does not name what it forbids.
FOREIGN = re.compile(
    r"py[p]i\.org|python[h]osted\.org|npm[j]s\.(?:org|com)|crates\.[i]o/api|proxy\.golan[g]\.org"
    r"|(?<![\w.}])/(?:wor[k]|roo[t]|hom[e]|User[s])/\w|/opt/py[p]i|/tmp/(?:ven[v]|h[b])\b"
)

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
DEFINITIONS = (*FUNCTIONS, ast.ClassDef)


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@cache
def floor_files() -> tuple[Path, ...]:
    """Return the Python files of the four floors and the public face."""
    found = [path for floor in FLOORS for path in sorted((ROOT / floor).rglob("*.py"))]
    return (*found, ROOT / "horolog.py")


@cache
def python_files() -> tuple[Path, ...]:
    return (*floor_files(), *sorted((ROOT / "tests").rglob("*.py")))


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=name_of(path))


def shipped_files() -> list[Path]:
    """Return the files of the floors that end up in the wheel."""
    return [path for path in floor_files() if not name_of(path).startswith("tools/dev/")]


def text_files() -> Iterator[Path]:
    """Yield what a commit may hold: all text below the root but caches, builds, environments."""
    for folder, below, names in os.walk(ROOT):
        below[:] = [
            name
            for name in below
            if name == ".ci"
            or not (name.startswith((".", "__pycache__")) or name.endswith("-info"))
        ]
        if Path(folder) == ROOT:
            below[:] = [name for name in below if name not in {"build", "dist"}]
        kept = (name for name in names if name != ".git")  # in a worktree a file: where its root is
        yield from (Path(folder, name) for name in kept if Path(name).suffix in TEXT_SUFFIXES)


def listed(offenders: list[str]) -> str:
    return "".join(f"\n  {offender}" for offender in sorted(offenders))


def test_no_file_is_longer_than_400_lines() -> None:
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in python_files()}
    offenders = [
        f"{name_of(path)}: {lines} lines"
        for path, lines in lengths.items()
        if lines > FILE_LINES_MAX
    ]
    assert [] == offenders, f"find the second room:{listed(offenders)}"


def test_no_function_is_longer_than_60_lines() -> None:
    offenders = [
        f"{name_of(path)}:{node.lineno} {node.name}: {lines} lines"
        for path in python_files()
        for node in ast.walk(tree_of(path))
        if isinstance(node, FUNCTIONS)
        and (lines := (node.end_lineno or node.lineno) - node.lineno + 1) > FUNCTION_LINES_MAX
    ]
    assert [] == offenders, f"split these functions:{listed(offenders)}"


def hands_names_on(statement: ast.stmt) -> bool:
    match statement:
        case ast.Expr(value=ast.Constant(value=str())) | ast.Import() | ast.ImportFrom():
            return True
        case ast.Assign(targets=[ast.Name(id="__all__")]):
            return True
        case ast.If(test=ast.Name(id="TYPE_CHECKING"), body=body):
            return all(hands_names_on(one) for one in body)
        case ast.FunctionDef(name="__getattr__"):
            return True  # hands a name on when it is asked for (PEP 562)
        case _:
            return False


def test_an_init_file_and_the_public_face_define_nothing() -> None:
    offenders = [
        f"{name_of(path)}:{statement.lineno}"
        for path in python_files()
        if path.name == "__init__.py" or path == ROOT / "horolog.py"
        for statement in tree_of(path).body
        if not hands_names_on(statement)
    ]
    assert [] == offenders, f"only a docstring, imports and __all__ stand here:{listed(offenders)}"


def test_every_module_says_what_it_owns() -> None:
    offenders = [name_of(path) for path in floor_files() if not ast.get_docstring(tree_of(path))]
    assert [] == offenders, f"these modules have no design note:{listed(offenders)}"


def test_no_module_is_named_after_nothing() -> None:
    offenders = [
        name_of(path)
        for path in python_files()
        if UNWANTED_MODULES & set(path.relative_to(ROOT).with_suffix("").parts)
    ]
    assert [] == offenders, f"name these after what they own:{listed(offenders)}"


def words_of(identifier: str) -> set[str]:
    """Return the words of a snake_case or CamelCase name, in lower case."""
    return {word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", identifier)}


def names_defined(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the line and the name of the module itself and of its classes and functions."""
    yield 1, path.stem
    for node in ast.walk(tree_of(path)):
        if isinstance(node, DEFINITIONS):
            yield node.lineno, node.name


def test_our_names_are_words_of_the_field() -> None:
    offenders = [
        f"{name_of(path)}:{line} {name}"
        for path in floor_files()
        for line, name in names_defined(path)
        if UNWANTED_WORDS & words_of(name)
    ]
    assert [] == offenders, f"say job, run or attempt, or what the thing owns:{listed(offenders)}"


def imports_of(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the line and the dotted name of each import; `from a import b` yields `a` and `a.b`."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.lineno, node.module
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


DOTTED = re.compile(r"([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+)(?::\w+)?")


def names_in_strings(path: Path) -> Iterator[str]:
    """Yield the dotted names that stand alone in a string: the verbs of the command load so."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            whole = DOTTED.fullmatch(node.value)
            if whole:
                yield whole[1]


def entry_points() -> Iterator[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    groups = [project.get("scripts", {}), *project.get("entry-points", {}).values()]
    yield from (target.partition(":")[0] for group in groups for target in group.values())


def is_run_by_name(path: Path) -> bool:
    """Say whether `python -m` is how people reach this file."""
    return path.name == "__main__.py" or (
        name_of(path).startswith("tools/dev/") and 'if __name__ == "__main__"' in path.read_text()
    )


def test_every_module_is_imported_by_another_or_is_an_entry_point() -> None:
    used = set(entry_points())
    for path in floor_files():
        mentioned = {name for _, name in imports_of(path)} | set(names_in_strings(path))
        used |= mentioned - {module_of(path)}
    used |= {name.rpartition(".")[0] for name in used}  # "tools.cli.jobs.add" uses tools.cli.jobs
    offenders = [
        name_of(path)
        for path in floor_files()
        if path.name != "__init__.py"
        and path != ROOT / "horolog.py"
        and module_of(path) not in used
        and not is_run_by_name(path)
    ]
    assert [] == offenders, f"nobody uses these files:{listed(offenders)}"


def test_only_cron_imports_croniter() -> None:
    offenders = [
        f"{name_of(path)}:{line}"
        for path in floor_files()
        if name_of(path) != CRON
        for line, name in imports_of(path)
        if name.partition(".")[0] == "croniter"
    ]
    assert [] == offenders, f"only {CRON} knows croniter:{listed(offenders)}"


def test_none_of_the_floors_imports_the_public_face() -> None:
    offenders = [
        f"{name_of(path)}:{line}"
        for path in floor_files()
        for line, name in imports_of(path)
        if name.partition(".")[0] == "horolog"
    ]
    assert [] == offenders, f"import from where the name is defined:{listed(offenders)}"


def readings_of_the_clock(path: Path) -> Iterator[tuple[int, str]]:
    for line, name in imports_of(path):
        module, _, member = name.rpartition(".")
        if name in SOURCES_OF_CHANCE or (module, member) in CLOCK_READS:
            yield line, name
    for node in ast.walk(tree_of(path)):
        match node:
            case ast.Attribute(value=ast.Name(id=owner) | ast.Attribute(attr=owner), attr=name):
                if (owner, name) in CLOCK_READS:
                    yield node.lineno, f"{owner}.{name}"
            case _:
                pass


def test_only_the_clock_reads_the_time_and_makes_ids() -> None:
    offenders = [
        f"{name_of(path)}:{line} {name}"
        for path in shipped_files()
        if name_of(path) != CLOCK
        for line, name in readings_of_the_clock(path)
    ]
    assert [] == offenders, f"have it handed in from {CLOCK}:{listed(offenders)}"


def test_no_file_names_a_package_registry_or_a_path_of_one_machine() -> None:
    offenders = [
        f"{name_of(path)}:{number} {found[0]}"
        for path in text_files()
        for number, line in enumerate(
            path.read_text(encoding="utf-8", errors="replace").splitlines(), start=1
        )
        if (found := FOREIGN.search(line))
    ]
    assert [] == offenders, f"these do not belong in a commit:{listed(offenders)}"


DIRECTIVE = re.compile(
    r"#\s*(?:noqa:\s*[A-Z]+\d+(?:,\s*[A-Z]+\d+)*|type:\s*ignore\[[a-z-]+(?:,\s*[a-z-]+)*\])"
)
BLANKET = re.compile(r"#\s*(?:ruff:|flake8:|mypy:)?\s*(?:noqa|type:\s*ignore)|#\s*(?:ruff|mypy):")
REASON = re.compile(r"#\s*\w+.*\s\w+")


def comments_of(path: Path) -> Iterator[tuple[int, str]]:
    with path.open("rb") as source:
        for token in tokenize.tokenize(source.readline):
            if token.type == tokenize.COMMENT:
                yield token.start[0], token.string


def test_every_exception_from_a_rule_names_the_rule_and_its_reason() -> None:
    offenders = [
        f"{name_of(path)}:{line} {comment}"
        for path in python_files()
        for line, comment in comments_of(path)
        if BLANKET.search(comment)
        and (BLANKET.search(rest := DIRECTIVE.sub("", comment)) or not REASON.search(rest))
    ]
    assert [] == offenders, f"write `# noqa: CODE  # the reason`:{listed(offenders)}"


def test_every_ignored_lint_rule_has_its_reason_on_the_same_line() -> None:
    settings = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    _, _, lint = settings.partition("[tool.ruff.lint]\n")
    ignores, _, _ = lint.partition("[tool.ruff.lint.flake8-tidy-imports]")
    lines = [line for line in ignores.splitlines() if re.search(r'"[A-Z]{1,6}\d{0,4}"', line)]
    offenders = [line for line in lines if '"ALL"' not in line and "#" not in line]
    assert [] == offenders, f"say why:{listed(offenders)}"
    assert lines, "the ignored rules were not found"
