"""Progress on standard output: a bar on a terminal, a line now and then elsewhere, or nothing."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol, Self

from penstock.cli import table
from penstock.cli.remote.batch_meter import Counts, Meter
from penstock.cli.remote.batch_words import details, progress

if TYPE_CHECKING:
    from types import TracebackType

    from rich.progress import TaskID

#: Between two lines where nobody watches.
_LINE_EVERY_S = 10.0


class Display(Protocol):
    """What a person sees of a run."""

    def __enter__(self) -> Self:
        """Begin."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave what is to be read."""

    def say(self, sentence: str) -> None:
        """What is done now."""

    def wait(self, sentence: str) -> None:
        """What is waited for; how fast it was is true no more."""

    def show(self, counts: Counts) -> None:
        """How far it is."""


def display(*, quiet: bool) -> Display:
    """What suits standard output."""
    if quiet:
        return Silence()
    return Bar() if sys.stdout.isatty() else Lines()


class Silence:
    """Nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is left."""

    def say(self, sentence: str) -> None:
        """Nothing."""

    def wait(self, sentence: str) -> None:
        """Nothing that is not said anyway."""
        self.say(sentence)

    def show(self, counts: Counts) -> None:
        """Nothing."""


class Lines(Silence):
    """Plain lines, for a log."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._meter = Meter()
        self._shown: Counts | None = None
        self._shown_s = 0.0

    def say(self, sentence: str) -> None:
        """A line of its own."""
        print(sentence, flush=True)

    def show(self, counts: Counts) -> None:
        """A line where something has ended and the last one is old, and one for the end."""
        now_s = self._now()
        pace = self._meter.add(now_s, counts)
        is_due = now_s - self._shown_s >= _LINE_EVERY_S or counts.done == counts.total
        if self._shown is None or (is_due and counts.done != self._shown.done):
            print(progress(counts, pace), flush=True)
            self._shown, self._shown_s = counts, now_s


class Bar:
    """A bar that grows."""

    def __init__(self) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn

        self._meter = Meter()
        self._task: TaskID | None = None
        self._bar = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[details]}", markup=False),
            console=table.console(),
        )

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def say(self, sentence: str) -> None:
        """A line above the bar."""
        self._bar.print(sentence, markup=False, highlight=False)

    def wait(self, sentence: str) -> None:
        """A line above the bar, which stands still."""
        self.say(sentence)
        if self._task is not None:
            self._bar.update(self._task, details="waiting")

    def show(self, counts: Counts) -> None:
        """Let it grow."""
        pace = self._meter.add(time.monotonic(), counts)
        said = ", ".join(details(counts, pace))
        if self._task is None:
            self._task = self._bar.add_task("Lines", total=counts.total, completed=counts.done, details=said)
        else:
            self._bar.update(self._task, total=counts.total, completed=counts.done, details=said)
