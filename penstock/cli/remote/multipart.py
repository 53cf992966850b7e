"""A form with one file in it, as browsers send it: read from the file while it is sent (RFC 7578)."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping
from typing import BinaryIO

from penstock.cli.remote.server import Content
from penstock.errors import SettingsError

_PART_BYTES = 1 << 18

#: Is told how many bytes of a file are done, and how many it has.
Watch = Callable[[int, int], None]


def form(fields: Mapping[str, str], filename: str, file: BinaryIO, size: int, watch: Watch | None = None) -> Content:
    """The form's content: `fields`, then the next `size` bytes of a file as `file`."""
    boundary = secrets.token_hex(16)
    before = "".join(_field(boundary, name, value) for name, value in fields.items()) + _head(boundary, filename)
    after = f"\r\n--{boundary}--\r\n"
    total = len(before.encode()) + size + len(after)
    return Content(f"multipart/form-data; boundary={boundary}", _parts(before, file, size, after, watch), total)


def _parts(before: str, file: BinaryIO, size: int, after: str, watch: Watch | None) -> Iterator[bytes]:
    """What is appended to the file meanwhile is not sent. Raises SettingsError where it becomes shorter."""
    yield before.encode()
    left = size
    while left:
        part = file.read(min(left, _PART_BYTES))
        if not part:
            raise SettingsError(f"{file.name} became shorter while it was sent.")
        left -= len(part)
        yield part
        if watch is not None:
            watch(size - left, size)
    yield after.encode()


def _field(boundary: str, name: str, value: str) -> str:
    return f'--{boundary}\r\ncontent-disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'


def _head(boundary: str, filename: str) -> str:
    named = _quoted(filename.encode(errors="replace").decode())
    return (
        f'--{boundary}\r\ncontent-disposition: form-data; name="file"; filename="{named}"\r\n'
        "content-type: application/octet-stream\r\n\r\n"
    )


def _quoted(name: str) -> str:
    """As browsers do it (WHATWG, "multipart/form-data encoding algorithm")."""
    return name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
