"""A user's file as it was read: run under a private module name, here and again in a child.

The bytes that run are the bytes that were hashed: nothing is read twice, so an edit between two
reads cannot slip in under another's digest, and a child runs what its owner loaded even when the
file has changed since. The private name keeps `jobs/tools.py` from ever being `tools`.

Children import this file: it must stay quick to import.
"""

import hashlib
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

from msgspec import Struct

from scheduler.model.content import digest_of
from scheduler.model.errors import BadInput
from scheduler.model.limits import SOURCE_BYTES_MAX

_PREFIX = "_horolog_file_"


class Source(Struct, frozen=True, gc=False):
    """One file that defines services."""

    path: str
    content: bytes
    module: str  # the private name it runs under

    @property
    def digest(self) -> str:
        """Return the SHA-256 of the bytes, in hex."""
        return digest_of(self.content)


def read_source(path: Path) -> Source:
    """Return the file as it is now.

    Raises: OSError; BadInput, when it is larger than any program.
    """
    with path.open("rb") as file:
        content = file.read(SOURCE_BYTES_MAX + 1)
    if len(content) > SOURCE_BYTES_MAX:
        raise BadInput.at("$.services.load", f"{path} is larger than {SOURCE_BYTES_MAX:,} bytes")
    return Source(path=str(path), content=content, module=private_name(path))


def private_name(path: Path) -> str:
    """Return the module name for a file: no one else's, and the same in every process."""
    stem = "".join(c if c.isalnum() else "_" for c in path.stem)
    return f"{_PREFIX}{hashlib.sha256(str(path).encode()).hexdigest()[:12]}_{stem}"


def run_source(source: Source, **names: object) -> ModuleType:
    """Run the file as a module of its private name, with `names` set before its first line.

    The module stays in `sys.modules`, where pickle and dataclasses look for it, unless the file
    fails. Raises: whatever the file raises.
    """
    module = ModuleType(source.module)
    module.__file__ = source.path
    module.__spec__ = ModuleSpec(source.module, None, origin=source.path)
    vars(module).update(names)
    code = compile(source.content, source.path, "exec", dont_inherit=True)
    before = sys.modules.get(source.module)
    sys.modules[source.module] = module
    try:
        exec(code, vars(module))  # noqa: S102  # running the user's file is what this is for
    except BaseException:
        if before is None:
            del sys.modules[source.module]
        else:
            sys.modules[source.module] = before
        raise
    return module
