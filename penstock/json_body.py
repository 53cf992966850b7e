"""Why a body is not JSON, in a sentence for whoever sent it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import msgspec

from penstock.body_types import fields_at, words_at
from penstock.errors import InvalidRequestError

T = TypeVar("T")

_MISSING = re.compile(r"missing required field `(\w+)`")
_WRONG_TYPE = re.compile(r"Expected `([^`]+)`, got `([^`]+)`")
_OUT_OF_RANGE = re.compile(r"Expected `([^`]+)` (of length )?(<=|>=|<|>) (\S+)")
#: Where something is wrong, told at the end: of a key of an object, the object's place.
_PLACED = re.compile(r"(.*) - at (`key` in )?`\$([^`]*)`", re.DOTALL)
_NO_SUCH_VALUE = re.compile(r"Invalid enum value (.+)")
_NO_SUCH_FIELD = re.compile(r"Object contains unknown field `(.*)`", re.DOTALL)
#: Of a name or a word that nobody knows, what its sender needs to find it.
_MOST_SHOWN = 60
_TYPES = {
    "int": "a whole number",
    "float": "a number",
    "str": "a text",
    "bool": "true or false",
    "array": "a list",
    "object": "an object",
}
#: What the length of each counts.
_PARTS = {"str": "characters", "array": "items", "object": "entries"}
#: No number that counts something is larger; above it, a float has hundreds of digits as an integer.
_LARGEST = 2.0**63
#: Numbers of one list that are looked at: nobody's prompt is longer, and the interpreter's lock is held meanwhile.
_MOST_WHOLE = 65_536
#: Characters of what msgspec says.
_LONGEST_REASON = 200
_BOUNDS = {"<=": "at most", ">=": "at least", "<": "below", ">": "above"}
#: What is looked at of what msgspec says, at its beginning and at its end, where the place stands: between them may be
#: what was sent, and expressions hold the interpreter's lock for as long as they read.
_MOST_READ = 1000
#: Half of a surrogate pair, which has 6 bytes as an escape, and its first half.
_HALF = re.compile(rb"\\u[dD][89a-fA-F][0-9a-fA-F]{2}")
_FIRST_HALF = re.compile(rb"\\u[dD][89abAB][0-9a-fA-F]{2}")
_HALF_BYTES = 6
#: How msgspec says which byte follows the half that stands alone, or what stands in the place of its second half.
_NO_SECOND = re.compile(r"unexpected end of escaped utf-16 surrogate pair \(byte (\d+)\)")
_NO_PAIR = re.compile(r"invalid utf-16 surrogate pair \(byte (\d+)\)")
#: How it says that a body ends where something was to follow, as the second half of a pair.
_CUT_OFF = "Input data was truncated"
#: UTF-8 of a surrogate, if it were allowed to have any.
_CODED_SURROGATE = re.compile(rb"\xed[\xa0-\xbf][\x80-\xbf]")


def json_fault(raw: bytes, error: Exception) -> InvalidRequestError:
    """What is wrong with a body that a JSON decoder refused with `error`."""
    if (at := _lone_half(raw, str(error))) is not None:
        half = raw[at : at + _HALF_BYTES].decode()
        return InvalidRequestError(
            f"The request body has half of a surrogate pair, {half}, at byte {at}: it is no character."
        )
    if isinstance(error, RecursionError):
        return InvalidRequestError("The request body is nested too deeply.")
    return InvalidRequestError(f"The request body is not valid JSON: {error}.")


def _lone_half(raw: bytes, said: str) -> int | None:
    """Where half of a surrogate pair stands that a decoder stopped at, by what it said; None where it was not that."""
    if found := _NO_SECOND.search(said):
        places: Sequence[int] = (int(found[1]) - _HALF_BYTES,)
    elif found := _NO_PAIR.search(said):
        end = int(found[1])
        before = end - 2 * _HALF_BYTES
        places = (before, end - _HALF_BYTES) if _FIRST_HALF.match(raw, before) else (end - _HALF_BYTES,)
    elif said == _CUT_OFF:
        # No room is left for a second half.
        places = [found.start() for found in _FIRST_HALF.finditer(raw, max(len(raw) - 2 * _HALF_BYTES + 1, 0))]
    else:
        return None
    return next((at for at in places if _HALF.match(raw, at) and _is_escape(raw, at)), None)


def _is_escape(raw: bytes, at: int) -> bool:
    """Whether the backslash there begins an escape: it does not where it is escaped itself."""
    before = raw[:at]
    return (len(before) - len(before.rstrip(b"\\"))) % 2 == 0


def field_fault(error: msgspec.ValidationError, kind: Any) -> InvalidRequestError:
    """What is wrong with a field of a body, which was to be of type `kind`."""
    said = str(error)
    if len(said) > 2 * _MOST_READ:
        said = f"{said[:_MOST_READ]}…{said[-_MOST_READ:]}"
    placed = _PLACED.fullmatch(said)
    reason, of_a_key, path = placed.groups() if placed else (said, None, "")
    param = path.removeprefix(".").replace("[...]", "") or None
    if found := _MISSING.search(reason):
        name = _within(param, found[1])
        return InvalidRequestError(f"{name} is missing.", param=name)
    if found := _NO_SUCH_FIELD.fullmatch(reason):
        name = _within(param, found[1][:_MOST_SHOWN])
        known = ", ".join(fields_at(kind, path))
        return InvalidRequestError(f"{name} is no field; there {f'are {known}' if known else 'is none'}.", param=name)
    if found := _NO_SUCH_VALUE.fullmatch(reason):
        known = ", ".join(words_at(kind, path))
        choice = f"; give one of {known}" if known else ""
        return InvalidRequestError(f"{param}: there is no {found[1][:_MOST_SHOWN]}{choice}.", param=param)
    part = "A name in " if of_a_key else "A value in " if path.endswith("[...]") else ""
    return InvalidRequestError(f"{part}{param or 'The request body'} {_in_plain_words(reason)}.", param=param)


def _within(param: str | None, name: str) -> str:
    return f"{param}.{name}" if param else name


def _in_plain_words(reason: str) -> str:
    """Msgspec's reason as the rest of a sentence about the field."""
    if found := _WRONG_TYPE.fullmatch(reason):
        wanted = [_TYPES.get(name, name) for name in found[1].split(" | ") if name != "null"]
        return f"must be {' or '.join(wanted)}, not {_TYPES.get(found[2], found[2])}"
    if found := _OUT_OF_RANGE.fullmatch(reason):
        kind, is_length, bound, number = found.groups()
        if is_length and (bound, number) == (">=", "1"):
            return "must not be empty"
        of = f" {_PARTS.get(kind, 'parts')}" if is_length else ""
        return f"must {'have' if is_length else 'be'} {_BOUNDS[bound]} {number.removesuffix('.0')}{of}"
    return f"is wrong: {_shown(reason)}"


def _shown(sent: str) -> str:
    """What was sent may be in it, however long."""
    return sent if len(sent) <= _LONGEST_REASON else f"{sent[:_LONGEST_REASON]}…"


def decode_body(raw: bytes, decoder: msgspec.json.Decoder[T]) -> T:
    """A body as the decoder's type, with 5.0 taken for 5 and null for absence.

    Raises InvalidRequestError naming the field.
    """
    return _decoded(raw, decoder.type, lambda: _leniently(raw, decoder))


def decode_exactly(raw: bytes, decoder: msgspec.json.Decoder[T]) -> T:
    """A body as the decoder's type, with nothing taken for something else. Raises InvalidRequestError."""
    return _decoded(raw, decoder.type, lambda: decoder.decode(raw))


def _decoded(raw: bytes, kind: Any, decode: Callable[[], T]) -> T:
    try:
        return decode()
    except msgspec.ValidationError as error:
        raise field_fault(error, kind) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise json_fault(raw, error) from None


def _leniently(raw: bytes, decoder: msgspec.json.Decoder[T]) -> T:
    """Some languages write 5.0, some clients all fields that they know."""
    try:
        return decoder.decode(raw)
    except msgspec.ValidationError as error:
        return _decoded_leniently(raw, decoder, error)


def _decoded_leniently(raw: bytes, decoder: msgspec.json.Decoder[T], error: msgspec.ValidationError) -> T:
    """Raises `error` where neither is its cause."""
    said = str(error)
    if "got `float`" not in said and "got `null`" not in said:
        raise error
    sent = msgspec.json.decode(raw)
    if not isinstance(sent, dict):
        raise error
    return msgspec.convert({name: integral(value) for name, value in sent.items() if value is not None}, decoder.type)


def integral(value: Any) -> Any:
    """A field's value with 5.0 as 5: the field itself, or numbers in lists of a length that holds nobody up."""
    if isinstance(value, float) and value.is_integer() and abs(value) <= _LARGEST:
        return int(value)
    if isinstance(value, list) and 0 < len(value) <= _MOST_WHOLE and isinstance(value[0], float | int | list):
        return _whole(value) or [integral(one) for one in value]
    return value


def _whole(values: list[Any]) -> list[int] | None:
    """The same where all are whole numbers: the loop would take four times as long."""
    if not set(map(type, values)) <= {int, float} or max(map(abs, values)) > _LARGEST:
        return None
    whole = list(map(int, values))
    return whole if whole == values else None


def utf8_fault(raw: bytes, error: UnicodeDecodeError) -> InvalidRequestError:
    """What is wrong with a body that is not UTF-8."""
    if _CODED_SURROGATE.match(raw, error.start):
        return InvalidRequestError(
            f"The request body has half of a surrogate pair at byte {error.start}: it is no character in UTF-8."
        )
    return InvalidRequestError(f"The request body is not valid UTF-8 at byte {error.start}.")
