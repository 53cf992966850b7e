"""Standard input, output and error of a program that serves on, whatever becomes of them."""

from __future__ import annotations

import io
import os
import sys
from typing import TextIO

from penstock.telemetry.output import Output

_STANDARD = (0, 1, 2)


def open_missing() -> None:
    """Open on /dev/null what the shell left closed (`>&-`): else the next file would take its place, and its lines."""
    for descriptor in _STANDARD:
        try:
            os.fstat(descriptor)
        except OSError:
            # The lowest free number is given first: this one.
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # noqa: FBT003 - positional in os


def forgive_errors() -> None:
    """From here on a line on standard error that cannot be written is lost, and nothing else."""
    sys.stderr = _forgiving(2, sys.stderr)


def forgive_output() -> None:
    """The same for standard output; for a server, whose work is elsewhere."""
    sys.stdout = _forgiving(1, sys.stdout)


def _forgiving(descriptor: int, former: TextIO | None) -> TextIO:
    """`former` is None where Python found the descriptor closed."""
    encoding = former.encoding if former else "utf-8"
    return io.TextIOWrapper(Output(descriptor), encoding, errors="backslashreplace", line_buffering=True)  # type: ignore[type-var]
