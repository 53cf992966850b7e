"""How much a JSON text holds, found without making any of it: to decode megabytes of `[[],[],…` holds up everybody."""

from __future__ import annotations

import re
from collections.abc import Sequence

from penstock.errors import InvalidRequestError
from penstock.request.limits import MAX_ARGUMENT_VALUES, MAX_CONTAINERS, MAX_STRINGS, MAX_VALUES

_SMALL_BYTES = 2 * MAX_CONTAINERS
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
_STRUCTURE = b"[{,"
_OTHERS = bytes(byte for byte in range(256) if byte not in _STRUCTURE)


def is_small(raw: bytes) -> bool:
    """Whether it is too short to hold too many values."""
    return len(raw) <= _SMALL_BYTES


def check_size(raw: bytes, param: str | None = None) -> None:
    """Raise InvalidRequestError for a body, or a text in the field `param` of one, of too many values."""
    if is_small(raw):
        return
    # An escaped quote ends no string. One after an escaped backslash does: half of the strings may go unseen.
    if (raw.count(b'"') - raw.count(b'\\"')) // 2 > MAX_STRINGS:
        raise _too_many("strings", MAX_STRINGS, param)
    if len(raw.translate(None, _OTHERS)) <= MAX_CONTAINERS:
        return
    marks = _marks(raw)
    values = marks.count(b",")
    if len(marks) - values > MAX_CONTAINERS:
        raise _too_many("lists and objects", MAX_CONTAINERS, param)
    if values > MAX_VALUES:
        raise _too_many("values", MAX_VALUES, param)


def check_arguments(texts: Sequence[str]) -> None:
    """Raise InvalidRequestError where the JSON that a conversation's tool calls carry holds too many values."""
    if (
        sum(map(len, texts)) > MAX_ARGUMENT_VALUES
        and sum(len(_marks(text.encode())) for text in texts) > MAX_ARGUMENT_VALUES
    ):
        raise InvalidRequestError(
            f"The arguments of the tool calls hold more than {MAX_ARGUMENT_VALUES:,} values.", param="messages"
        )


def _marks(raw: bytes) -> bytes:
    """What begins lists and objects and stands between values; inside a string it is text."""
    return _STRING.sub(b"", raw).translate(None, _OTHERS)


def _too_many(what: str, limit: int, param: str | None) -> InvalidRequestError:
    return InvalidRequestError(f"{param or 'The request body'} holds more than {limit:,} {what}.", param=param)
