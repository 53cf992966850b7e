"""A list on standard output: a table for people, aligned lines for programs."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from penstock.cli.printable import printable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table


#: Of a column that is folded, with the blanks around it.
_LEAST_WIDTH = 6


def show(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """A table with headings on a terminal; elsewhere a line per row, its values two blanks apart and aligned."""
    if sys.stdout.isatty():
        _draw(headings, rows)
    else:
        for line in lines([[printable(value) for value in row] for row in rows]):
            print(line)


def lines(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Rows with aligned columns; nothing follows the last value of a line."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(value.ljust(width) for value, width in zip(row, widths, strict=True)).rstrip()


def _draw(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    terminal = console()
    terminal.print(drawn(headings, rows, terminal.width))


def drawn(headings: Sequence[str], rows: Iterable[Sequence[str]], width: int = 0) -> Table:
    """A table for people; where so many characters have room for it, what stands first in a row is in one piece.

    That is mostly an id, which is marked and copied.
    """
    # Only who draws pays for it.
    from rich import box
    from rich.table import Table
    from rich.text import Text

    texts = [[Text(printable(value)) for value in row] for row in rows]
    longest = max((row[0].cell_len for row in texts), default=0)
    is_whole = longest + _LEAST_WIDTH * (len(headings) - 1) <= width
    table = Table(box=box.SIMPLE_HEAD)
    for heading in headings:
        table.add_column(heading, overflow="fold", no_wrap=is_whole and heading == headings[0])
    for row in texts:
        table.add_row(*row)
    return table


def console() -> Console:
    """The terminal that standard output is."""
    from rich.console import Console

    return Console(color_system=None if os.environ.get("NO_COLOR") else "auto")
