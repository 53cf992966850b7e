"""The form of an upload: what of it is the file's content, and what the rest asks for. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penstock.errors import BodyTooLargeError, InvalidRequestError
from penstock.files.lines import LineCount
from penstock.files.request import KNOWN_FIELDS, MAX_FIELD_BYTES, UploadRequest, filename_of, parse_upload, purpose_of

if TYPE_CHECKING:
    from ingress.http.form import FormPart

_FILE = "file"


def too_large(max_bytes: int) -> BodyTooLargeError:
    """What a client is told whose file is longer than a file may be."""
    return BodyTooLargeError(f"The file is larger than {max_bytes} bytes (files.max_bytes).", param=_FILE)


class UploadForm:
    """One upload's form, filled in as it comes; the fields may come before the file or after it."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._file: FormPart | None = None
        self._fields: dict[str, bytes] = {}
        self._part: FormPart | None = None
        self._lines = LineCount()
        self.filename = ""
        self.bytes = 0

    @property
    def lines(self) -> int:
        """Of the file."""
        return self._lines.lines

    def take(self, part: FormPart, data: bytes) -> bytes:
        """Returns what is content of the file. Raises InvalidRequestError, BodyTooLargeError."""
        if part is not self._part:
            self._begin(part)
        if part is not self._file:
            self._fields[part.name] += data
            if len(self._fields[part.name]) > MAX_FIELD_BYTES:
                raise InvalidRequestError(
                    f"{part.name[:100]}: a field may have {MAX_FIELD_BYTES} bytes at most.", param=part.name[:100]
                )
            return b""
        self.bytes += len(data)
        if self.bytes > self._max_bytes:
            raise too_large(self._max_bytes)
        self._lines.feed(data)
        return data

    def request(self) -> UploadRequest:
        """What was asked for, at the form's end. Raises InvalidRequestError."""
        asked = parse_upload({name: _text(name, value) for name, value in self._fields.items()})
        if self._file is None:
            raise InvalidRequestError("file: missing; send the file as a part of the form of that name.", param=_FILE)
        return asked

    def _begin(self, part: FormPart) -> None:
        """Raises InvalidRequestError for what was there before, and for what is wrong before the file is read."""
        self._part = part
        is_there = self._file is not None if part.name == _FILE else part.name in self._fields
        if is_there and part.name in {_FILE, *KNOWN_FIELDS}:
            raise InvalidRequestError(f"{part.name[:100]}: is there twice.", param=part.name[:100])
        if part.name == _FILE:
            self.filename = filename_of(part.filename)
            self._file = part
            if "purpose" in self._fields:
                purpose_of(_text("purpose", self._fields["purpose"]))
        else:
            self._fields[part.name] = b""


def _text(name: str, value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise InvalidRequestError(f"{name[:100]}: is not UTF-8.", param=name[:100]) from None
