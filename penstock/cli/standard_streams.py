"""Standard input, output and error: of a server that outlives them, and of a command that is run for its output."""

from __future__ import annotations

import contextlib
import io
import os
import select
import signal
import sys
from typing import TYPE_CHECKING, TextIO

from penstock.errors import PenstockError
from penstock.telemetry.output import Output

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_STANDARD = (0, 1, 2)


class OutputError(PenstockError):
    """Standard output takes no more; no OSError, which libraries that print would have answers of their own to."""


class ReaderGoneError(OutputError):
    """Nobody reads standard output any more."""


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


def require_output() -> None:
    """From here on what cannot be written to standard output raises OutputError; for a command run for its output.

    Characters that the output's encoding lacks are written as escapes.
    """
    raw = _RequiredOutput(1)
    sys.stdout = io.TextIOWrapper(raw, _encoding(sys.stdout), "backslashreplace", line_buffering=raw.isatty())


def end_without_reader() -> None:
    """End this process as a Unix tool ends whose output nobody reads: by the signal, and quietly."""
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    signal.raise_signal(signal.SIGPIPE)


class _RequiredOutput(io.RawIOBase):
    """A descriptor that takes everything or raises OutputError."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def writable(self) -> bool:
        """It is for writing."""
        return True

    def fileno(self) -> int:
        """The descriptor that children inherit."""
        return self._descriptor

    def isatty(self) -> bool:
        """Whether a person reads."""
        return os.isatty(self._descriptor)

    def write(self, data: ReadableBuffer, /) -> int:
        """Write all of it. Raises OutputError, or ReaderGoneError."""
        rest = memoryview(data).cast("B")
        size = len(rest)
        try:
            while rest:
                with contextlib.suppress(BlockingIOError):
                    rest = rest[os.write(self._descriptor, rest) :]
                    continue
                self._wait_for_room()
        except BrokenPipeError:
            raise ReaderGoneError("Nobody reads the output any more.") from None
        except OSError as error:
            raise OutputError(f"The output cannot be written: {error.strerror}.") from None
        return size

    def _wait_for_room(self) -> None:
        """Another program that shares the descriptor may have made it one that does not wait."""
        poll = select.poll()
        poll.register(self._descriptor, select.POLLOUT)
        poll.poll()


def _forgiving(descriptor: int, former: TextIO | None) -> TextIO:
    """`former` is None where Python found the descriptor closed."""
    return io.TextIOWrapper(Output(descriptor), _encoding(former), "backslashreplace", line_buffering=True)  # type: ignore[type-var]


def _encoding(former: TextIO | None) -> str:
    return former.encoding if former else "utf-8"
