"""Why a body is not JSON, in a sentence for whoever sent it."""

from __future__ import annotations

import re
from typing import Any, TypeVar

import msgspec

from penstock.errors import InvalidRequestError

T = TypeVar("T")

_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
#: Whatever is no half of a pair alone, and then one: a backslash that is escaped itself begins no escape.
_LONE = re.compile(
    rb"(?:[^\\]|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u(?![dD][89a-fA-F])|\\[^u])*+"
    rb"(\\u[dD][89a-fA-F][0-9a-fA-F]{2})"
)
#: UTF-8 of a surrogate, if it were allowed to have any.
_CODED_SURROGATE = re.compile(rb"\xed[\xa0-\xbf][\x80-\xbf]")


def json_fault(raw: bytes, error: Exception) -> InvalidRequestError:
    """What is wrong with a body that a JSON decoder refused with `error`."""
    lone = _LONE.match(raw) if _SURROGATE.search(raw) else None
    if lone:
        return InvalidRequestError(
            f"The request body has half of a surrogate pair, {lone[1].decode()}, at byte {lone.start(1)}: "
            "it is no character."
        )
    if isinstance(error, RecursionError):
        return InvalidRequestError("The request body is nested too deeply.")
    return InvalidRequestError(f"The request body is not valid JSON: {error}.")


def field_fault(error: msgspec.ValidationError) -> InvalidRequestError:
    """What is wrong with a field: msgspec says where by `… - at `$.a.b``, or what is missing."""
    reason, _, where = str(error).partition(" - at `$")
    param = where.strip("`.").replace("[...]", "") or None
    if param is None and "missing required field `" in reason:
        param = reason.split("`")[1]
    return InvalidRequestError(f"{reason} in {param}." if param else f"{reason}.", param=param)


def decode_integral(raw: bytes, kind: type[T], error: msgspec.ValidationError) -> T:
    """A body that was refused with `error`, with 5.0 taken for 5. Raises msgspec.ValidationError where that helps not.

    JSON knows no difference between them, and some languages write the latter.
    """
    if "got `float`" not in str(error):
        raise error
    sent = msgspec.json.decode(raw)
    return msgspec.convert({name: integral(value) for name, value in sent.items()}, kind)


def integral(value: Any) -> Any:
    """A field's value with 5.0 as 5: the field itself, or numbers in lists."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list) and value and isinstance(value[0], float | int | list):
        return [integral(one) for one in value]
    return value


def utf8_fault(raw: bytes, error: UnicodeDecodeError) -> InvalidRequestError:
    """What is wrong with a body that is not UTF-8."""
    if _CODED_SURROGATE.match(raw, error.start):
        return InvalidRequestError(
            f"The request body has half of a surrogate pair at byte {error.start}: it is no character in UTF-8."
        )
    return InvalidRequestError(f"The request body is not valid UTF-8 at byte {error.start}.")
