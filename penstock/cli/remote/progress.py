"""How far a transfer is, for a person who watches: on standard error, and nothing for a program."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import TYPE_CHECKING, Self

from penstock.cli.printable import printable

if TYPE_CHECKING:
    from rich.progress import Progress as Bar


class Progress:
    """A bar, while the block lasts and standard error is a terminal."""

    def __init__(self, what: str) -> None:
        self._bar = _bar() if sys.stderr.isatty() else None
        self._task = self._bar.add_task(printable(what), total=None) if self._bar else None

    def reached(self, done_bytes: int, size_bytes: int) -> None:
        """So much of it is done."""
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=done_bytes, total=size_bytes)

    def __enter__(self) -> Self:
        """Show it."""
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave it as it is."""
        if self._bar is not None:
            self._bar.stop()


def _bar() -> Bar:
    # Only who draws pays for it.
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    # What a name holds between brackets is part of it.
    name = TextColumn("{task.description}", markup=False)
    columns = (name, BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    return Progress(*columns, console=Console(stderr=True))
