"""What a client may ask with an upload: the fields beside the file. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from penstock.errors import InvalidRequestError
from penstock.files.file import UPLOADABLE, Purpose

#: Bytes of the longest field beside the file.
MAX_FIELD_BYTES = 4096
#: Characters of the longest name of a file.
MAX_FILENAME_CHARACTERS = 255
MIN_EXPIRE_S, MAX_EXPIRE_S = 3600, 2_592_000
_ANCHOR = "created_at"
_ANCHOR_FIELD = "expires_after[anchor]"
_SECONDS_FIELD = "expires_after[seconds]"
#: The others mean nothing here.
KNOWN_FIELDS = frozenset({"purpose", _ANCHOR_FIELD, _SECONDS_FIELD})
#: More digits are no number that anybody means.
_MAX_DIGITS = 10


class UploadRequest(Struct, frozen=True):
    """An upload's fields, checked."""

    purpose: Purpose
    #: None where the upload does not say it.
    expire_s: int | None
    #: Names of fields that mean nothing here.
    ignored: Sequence[str]


def parse_upload(fields: Mapping[str, str]) -> UploadRequest:
    """Check the fields of an upload. Raises InvalidRequestError naming the field."""
    ignored = sorted(fields.keys() - KNOWN_FIELDS)
    return UploadRequest(purpose_of(fields.get("purpose")), _expire_s(fields), ignored)


def purpose_of(text: str | None) -> Purpose:
    """Raises InvalidRequestError for one that nothing is uploaded for, or none at all."""
    allowed = ", ".join(UPLOADABLE)
    if text is None:
        raise InvalidRequestError(f"purpose: missing; what can be uploaded is for: {allowed}.", param="purpose")
    if text not in UPLOADABLE:
        raise InvalidRequestError(
            f"purpose: nothing is uploaded for {text[:40]!r}; what can be uploaded is for: {allowed}.", param="purpose"
        )
    return Purpose(text)


def filename_of(given: str | None) -> str:
    """The name of an uploaded file, without folders. Raises InvalidRequestError."""
    if given is None:
        raise InvalidRequestError(
            "file: this is a text; send a file, with a filename (curl: `-F file=@PATH`).", param="file"
        )
    name = given.replace("\\", "/").rpartition("/")[2].strip()
    if not name:
        raise InvalidRequestError("file: its filename is empty; give it a name.", param="file")
    if len(name) > MAX_FILENAME_CHARACTERS or not name.isprintable():
        raise InvalidRequestError(
            f"file: its filename may have {MAX_FILENAME_CHARACTERS} characters at most, all of them printable.",
            param="file",
        )
    return name


def _expire_s(fields: Mapping[str, str]) -> int | None:
    anchor, seconds = fields.get(_ANCHOR_FIELD), fields.get(_SECONDS_FIELD)
    if anchor is None and seconds is None:
        return None
    if anchor != _ANCHOR:
        raise InvalidRequestError(f"{_ANCHOR_FIELD}: must be {_ANCHOR!r}.", param=_ANCHOR_FIELD)
    text = seconds or ""
    is_number = text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS
    if not is_number or not MIN_EXPIRE_S <= int(text) <= MAX_EXPIRE_S:
        raise InvalidRequestError(
            f"{_SECONDS_FIELD}: {text[:40]!r} is no number from {MIN_EXPIRE_S} to {MAX_EXPIRE_S}.",
            param=_SECONDS_FIELD,
        )
    return int(text)
