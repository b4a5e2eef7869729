"""The table people see on a terminal; the only module that knows rich.

Cells are text and nothing else: no markup, no highlighting, so a job's name cannot colour or hide
anything.
"""

import os
from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from tools.cli.harmless import safe


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table as wide as the terminal, its header set apart; NO_COLOR is kept."""
    made = Table(box=None, pad_edge=False, show_edge=False, header_style="bold")
    for column in columns:
        made.add_column(column.replace("_", " ").upper(), overflow="fold")
    for row in rows:
        made.add_row(*(Text(safe(cell)) for cell in row))
    is_plain = bool(os.environ.get("NO_COLOR"))
    Console(
        highlight=False, markup=False, emoji=False, color_system=None if is_plain else "auto"
    ).print(made)
