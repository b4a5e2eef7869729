"""What a test names, read from its text: so a table of tests can be checked against the tests.

A test names what stands in it, in its decorators, and in the functions, classes and tables of its
file that it uses, however far away. Written as in the code: `NAME` as it is, a text as `"NAME"`
(the last part of a dotted one), an argument that is given by name as `field=`, and with what is
given when that is a text: `field='value'`.
"""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

TESTS = Path(__file__).parent


@cache
def named_in(file: str) -> dict[str, frozenset[str]]:
    """Return what each function of a test file names; `file` as it is called below `tests`."""
    own: dict[str, set[str]] = {}
    tree = ast.parse((TESTS / file).read_text("utf-8"))
    classes = [one for one in tree.body if isinstance(one, ast.ClassDef)]
    functions = [
        one
        for body in (tree.body, *(found.body for found in classes))
        for one in body
        if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    for node in [*functions, *tree.body]:
        for name in defined_by(node):
            own.setdefault(name, set()).update(words(node))
    return {one.name: frozenset(reached_from(one.name, own)) for one in functions}


def defined_by(node: ast.AST) -> list[str]:
    match node:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return [name]
        case ast.Assign(targets=targets):
            return [target.id for target in targets if isinstance(target, ast.Name)]
        case ast.AnnAssign(target=ast.Name(id=name)):
            return [name]
        case _:
            return []


def reached_from(name: str, own: dict[str, set[str]]) -> set[str]:
    seen: set[str] = set()
    ahead = [name]
    while ahead:
        word = ahead.pop()
        if word not in seen:
            seen.add(word)
            ahead += own.get(word.strip('"'), ())  # pytest.mark.usefixtures takes texts
    return seen


def words(node: ast.AST) -> Iterator[str]:
    for one in ast.walk(node):
        match one:
            case ast.Name(id=word) | ast.arg(arg=word):  # a fixture is named by an argument
                yield word
            case ast.Constant(value=str(text)) if re.fullmatch(r"[\w.]+", text):
                yield f'"{text.rpartition(".")[2]}"'
            case ast.keyword(arg=str(field), value=value):
                yield f"{field}="
                if isinstance(value, ast.Constant):
                    yield f"{field}={value.value!r}"
