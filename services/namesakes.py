"""Names that are ours and may be theirs, too: a file that means its own `tools` gets Horolog's.

Our four package names are generic. An import of such a name fails with a sentence that sends people
looking in the wrong place, or does not fail at all: `import tools` works, and only `tools.clean()`,
at night, does not. So a file is read for such imports before it runs, and errors that come from
them further down are told apart from others.
"""

import ast
from collections.abc import Iterator
from importlib.util import find_spec
from types import ModuleType

from services.sources import Source

OUR_NAMES = frozenset({"projections", "scheduler", "services", "tools"})


class Namesake(Exception):
    """A name was meant as theirs, and is ours."""

    def __init__(self, who: str, name: str, line: int | None = None) -> None:
        super().__init__(
            f'{who} imports "{name}", which in this environment is Horolog\'s own package, not'
            f" yours. Rename your module, or load it by file: [services] load = "
            f'["lib/{name}.py"]'
        )
        self.line = line


class NamesakeModule(Exception):
    """The settings name a module of theirs that would lie in a package of ours."""

    def __init__(self, module: str) -> None:
        root, _, _ = module.partition(".")
        file = f"{module.replace('.', '/')}.py"
        super().__init__(
            f'[services] load names "{module}", but in this environment "{root}" is Horolog\'s own'
            f' package, not yours. Load it by file: "{file}"'
        )


def refuse_namesakes(source: Source, who: str) -> None:
    """Raise Namesake if the file imports from one of our packages what is not there.

    Raises: SyntaxError, ValueError, when the file is no program.
    """
    if not any(name.encode() in source.content for name in OUR_NAMES):
        return  # as nearly always; reading a program costs more than looking for a word
    for module, line in _imports(ast.parse(source.content, source.path)):
        name, _, rest = module.partition(".")
        if name in OUR_NAMES and (not rest or not _is_found(module)):
            raise Namesake(who, name, line)


def refuse_namesake_module(module: str) -> None:
    """Raise NamesakeModule if this would lie in one of our packages, and does not."""
    name, _, rest = module.partition(".")
    if name in OUR_NAMES and (not rest or not _is_found(module)):
        raise NamesakeModule(module)


def namesake_behind(error: BaseException) -> str | None:
    """Return which of our names an error comes from, when someone meant their own by it."""
    name = None
    if isinstance(error, ImportError):
        name = error.name
    elif isinstance(error, AttributeError) and isinstance(error.obj, ModuleType):
        name = error.obj.__name__
    root = (name or "").partition(".")[0]
    return root if root in OUR_NAMES else None


def _imports(program: ast.Module) -> Iterator[tuple[str, int]]:
    """Yield each module that the program imports, wherever in it, and the line.

    Our packages define nothing themselves: what is taken from one is a module in it.
    """
    for node in ast.walk(program):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module is not None:
            if node.module not in OUR_NAMES:
                yield node.module, node.lineno
                continue
            for alias in node.names:
                yield f"{node.module}.{alias.name}", node.lineno


def _is_found(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ImportError:
        return False
