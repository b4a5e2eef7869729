"""Where a secret is to be found, which is all that the settings say of it.

`env:NAME` is a variable of the server's environment, `file:PATH` the content of a file (relative to
the folder of the settings), `credential:NAME` one that systemd hands over. What is read is read
anew each time, so a rotated secret counts from the next connection on.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal

from msgspec import Struct

from scheduler.model.errors import BadInput
from scheduler.model.json_values import text_problem
from scheduler.model.limits import SECRET_BYTES_MAX, SECRET_CHARS_MIN

Scheme = Literal["env", "file", "credential"]

CREDENTIALS: Final = "CREDENTIALS_DIRECTORY"  # where systemd says that it lies
HINT: Final = 'Say where it is: "env:NAME", "file:PATH" or "credential:NAME"'

_NAME: Final[dict[Scheme, re.Pattern[str]]] = {
    "env": re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII),
    "file": re.compile(r"[^\0-\x1f\x7f]+"),
    "credential": re.compile(r"(?!\.{1,2}\Z)[^\0-\x1f\x7f/]+"),
}
_OTHERS = 0o007  # the bits of a file's mode for those who are neither its owner nor of its group


class Reference(Struct, frozen=True, gc=False):
    """One secret, by where it is."""

    scheme: Scheme
    name: str
    path: str  # of the setting that names it, for messages
    is_shared: bool = False  # others may read its file; that is meant

    def __str__(self) -> str:
        """Return it as it stands in the settings."""
        return f"{self.scheme}:{self.name}"

    def read(self, base_dir: Path, environ: Mapping[str, str]) -> str:
        """Return the secret as it is now, without the line end a file has.

        Raises: BadInput at the setting, when it is not there, not private, or no secret.
        """
        value = self._found(base_dir, environ)
        if not value:
            raise BadInput.at(self.path, f"{self} is empty.")
        if len(value) < SECRET_CHARS_MIN:
            raise BadInput.at(
                self.path,
                f"{self} has fewer than {SECRET_CHARS_MIN} characters: it could not be told from"
                " ordinary text, to be kept out of the log.",
                "Choose a longer one",
            )
        why = text_problem(value)
        if why is not None:
            raise BadInput.at(self.path, f"{self} {why}")
        return value

    def _found(self, base_dir: Path, environ: Mapping[str, str]) -> str:
        if self.scheme == "env":
            try:
                return environ[self.name]
            except KeyError:
                raise BadInput.at(
                    self.path, f"the environment has no {self.name}.", f"export {self.name}=…"
                ) from None
        if self.scheme == "file":
            return self._text(base_dir / self.name, may_be_shared=self.is_shared)
        folder = environ.get(CREDENTIALS)
        if not folder:
            raise BadInput.at(
                self.path,
                f"{self}: there is no {CREDENTIALS} in the environment.",
                f"Have systemd start Horolog with LoadCredential={self.name}:PATH",
            )
        return self._text(Path(folder) / self.name, may_be_shared=True)  # systemd's to guard

    def _text(self, file: Path, *, may_be_shared: bool) -> str:
        """Return the text of a file. Its mode is asked of the open file: a path may change."""
        import os
        import stat

        try:
            with file.open("rb") as opened:
                status = os.fstat(opened.fileno())
                if not stat.S_ISREG(status.st_mode):
                    raise BadInput.at(self.path, f"{self} is no file.")
                mode = stat.S_IMODE(status.st_mode)
                if mode & _OTHERS and not may_be_shared:
                    raise self._exposed(mode)
                content = opened.read(SECRET_BYTES_MAX + 1)
        except OSError as error:
            raise BadInput.at(self.path, f"{self} cannot be read: {error.strerror}.") from None
        if len(content) > SECRET_BYTES_MAX:
            raise BadInput.at(self.path, f"{self} is larger than {SECRET_BYTES_MAX:,} bytes.")
        try:
            return content.decode().removesuffix("\n").removesuffix("\r")
        except UnicodeDecodeError as error:
            # Not the bytes themselves: what does not decode may be half of a secret.
            raise BadInput.at(self.path, f"{self}: byte {error.start} is not UTF-8.") from None

    def _exposed(self, mode: int) -> BadInput:
        can = "read" if mode & 0o004 else "written" if mode & 0o002 else "executed"
        return BadInput.at(
            self.path,
            f"{self} can be {can} by everyone ({mode:04o}).",
            'chmod 600, or set permissions = "any" if that is meant',
        )


def is_reference(value: object) -> bool:
    """Return whether a setting names a secret rather than saying something itself."""
    return isinstance(value, str) and value.startswith(tuple(f"{scheme}:" for scheme in _NAME))


def reference(value: object, path: str, *, is_shared: bool) -> Reference:
    """Return what a setting says of a secret.

    Raises: BadInput, without the value, which may be the secret itself.
    """
    for scheme, name in _NAME.items():
        if isinstance(value, str) and value.startswith(f"{scheme}:"):
            named = value.removeprefix(f"{scheme}:")
            if name.fullmatch(named) is None:
                raise BadInput.at(path, f"{scheme}: is not followed by a name.", HINT)
            return Reference(scheme, named, path, is_shared)
    raise BadInput.at(path, "a secret is not written here.", HINT)
