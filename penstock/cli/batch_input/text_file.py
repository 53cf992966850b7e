"""A file of the user's, line by line: text in UTF-8, of which one line at a time is in memory."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import BinaryIO

from msgspec import Struct

from penstock.errors import SettingsError

#: Longer than any server takes a request.
LONGEST_LINE_BYTES = 16 << 20
_BOM = b"\xef\xbb\xbf"
_BYTE = re.compile(r"\(byte (\d+)\)")


class TextLine(Struct, frozen=True):
    """A line with its end."""

    #: From 1, as editors count.
    number: int
    text: str

    @property
    def is_blank(self) -> bool:
        """Whether there is nothing to be seen on it."""
        return not self.text.strip()


def text_lines(file: BinaryIO) -> Iterator[TextLine]:
    """Each line from the beginning on, without a mark of the byte order. Raises SettingsError where it is no text."""
    file.seek(0)
    number = 0
    while data := file.readline(LONGEST_LINE_BYTES + 1):
        number += 1
        if len(data) > LONGEST_LINE_BYTES:
            raise SettingsError(f"{file.name}, line {number}: it has more than {LONGEST_LINE_BYTES >> 20} MiB.")
        yield TextLine(
            number, _decoded(data.removeprefix(_BOM) if number == 1 else data, f"{file.name}, line {number}")
        )


def first_line(file: BinaryIO) -> TextLine:
    """The first that is not blank. Raises SettingsError where there is none."""
    for line in text_lines(file):
        if not line.is_blank:
            return line
    raise SettingsError(f"{file.name} is empty: there is nothing to ask.")


def from_one(error: Exception) -> str:
    """What a decoder of JSON says, with its place counted from 1, as all others are."""
    return _BYTE.sub(lambda found: f"(byte {int(found[1]) + 1})", str(error))


def _decoded(data: bytes, where: str) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise SettingsError(
            f"{where}: it is not text in UTF-8 (byte {error.start + 1} of the line); save the file as UTF-8."
        ) from None
