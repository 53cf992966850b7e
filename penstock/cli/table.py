"""A list on standard output: a table for people, aligned lines for programs."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from penstock.cli.columns import GAP, Column, Kind, layout
from penstock.cli.printable import printable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

Value = str | datetime


def show(columns: Sequence[Column], rows: Iterable[Sequence[Value]]) -> None:
    """A table with headings on a terminal; elsewhere a line per row, its values two blanks apart and aligned."""
    if sys.stdout.isatty():
        _draw(columns, list(rows))
    else:
        for line in lines([[told(value) for value in row] for row in rows]):
            print(line)


def lines(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Rows with aligned columns; nothing follows the last value of a line."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(value.ljust(width) for value, width in zip(row, widths, strict=True)).rstrip()


def told(value: Value) -> str:
    """A value as standard output has it: a time is short and local on a terminal, and in UTC elsewhere."""
    if isinstance(value, str):
        return printable(value)
    if sys.stdout.isatty():
        return _local(value)
    return value.isoformat(timespec="seconds")


def _draw(columns: Sequence[Column], rows: Sequence[Sequence[Value]]) -> None:
    terminal = console()
    terminal.print(drawn(columns, rows, terminal.width) if rows else "None.")


def drawn(columns: Sequence[Column], rows: Sequence[Sequence[Value]], width: int) -> Table:
    """A table for people, as wide as their terminal at most."""
    # Only who draws pays for it.
    from rich import box
    from rich.table import Table
    from rich.text import Text

    texts = [
        [Text(_local(value) if isinstance(value, datetime) else printable(value)) for value in row] for row in rows
    ]
    widest = [
        max((row[place].cell_len for row in texts if row[place].plain != column.nothing), default=0)
        for place, column in enumerate(columns)
    ]
    fitted = layout(columns, widest, width)
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, GAP - 1, 0, 0))
    for place, room in fitted.widths.items():
        column = columns[place]
        table.add_column(
            Text(column.heading, no_wrap=False),
            overflow="fold",
            width=room,
            no_wrap=room is not None and column.kind is not Kind.TEXT,
            justify="right" if column.kind is Kind.NUMBER else "left",
        )
    for row in texts:
        table.add_row(*(row[place] for place in fitted.widths))
    if fitted.left_out:
        table.caption = Text(f"No room for: {', '.join(fitted.left_out)}; a wider terminal or --json shows all.")
        table.caption_justify = "left"
    return table


def console() -> Console:
    """The terminal that standard output is."""
    from rich.console import Console

    return Console(color_system=None if os.environ.get("NO_COLOR") else "auto")


def moment(unix_s: float) -> datetime:
    """A time that the API tells, as lists take it."""
    return datetime.fromtimestamp(unix_s, UTC)


def _local(time: datetime) -> str:
    return time.astimezone().strftime("%Y-%m-%d %H:%M")
