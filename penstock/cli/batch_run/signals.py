"""A command that is told to end takes its leave as after Ctrl-C."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Never

from penstock.process import stop_signals


class ToldToEnd(KeyboardInterrupt):
    """A signal other than Ctrl-C's."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


@contextmanager
def raised() -> Iterator[None]:
    """SIGTERM and SIGHUP raise ToldToEnd meanwhile; Ctrl-C raises KeyboardInterrupt anyway."""
    former = {number: signal.signal(number, _raise) for number in stop_signals() - {signal.SIGINT}}
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


def _raise(number: int, _frame: object) -> Never:
    raise ToldToEnd(number)
