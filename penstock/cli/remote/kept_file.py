"""Where a download goes: a file that is there once it is whole, or standard output."""

from __future__ import annotations

import codecs
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO

from penstock.cli.printable import printable_lines
from penstock.errors import SettingsError

Write = Callable[[bytes], object]

#: What others may do with a new file, where the process' mask allows it.
_MODE = 0o666


@contextmanager
def written(path: Path | None) -> Iterator[Write]:
    """Write a file that is there when it is whole, in the place of one of its name; None is standard output.

    Raises SettingsError for a place that takes no file.
    """
    if path is None:
        with _standard_output() as write:
            yield write
        return
    try:
        # A pipe or a device is written to as it is.
        with path.open("wb") if path.exists() and not path.is_file() else _replacing(path) as file:
            yield file.write
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror or error}.") from None


@contextmanager
def _standard_output() -> Iterator[Write]:
    """As it is for a program; for a terminal as text in which it obeys nothing."""
    if not sys.stdout.isatty():
        yield sys.stdout.buffer.write
        sys.stdout.buffer.flush()
        return
    decoder = codecs.getincrementaldecoder("utf-8")("backslashreplace")
    yield lambda part: sys.stdout.write(printable_lines(decoder.decode(part)))
    sys.stdout.write(printable_lines(decoder.decode(b"", final=True)))


@contextmanager
def _replacing(path: Path) -> Iterator[IO[bytes]]:
    target = path.resolve()
    file = NamedTemporaryFile(dir=target.parent, prefix=f".{target.name[:100]}-", delete=False)  # noqa: SIM115 - below
    try:
        with file:
            yield file
            mask = os.umask(0)
            os.umask(mask)
            os.fchmod(file.fileno(), _MODE & ~mask)
        Path(file.name).replace(target)
    finally:
        Path(file.name).unlink(missing_ok=True)
