"""Parameters of a request's query, each with an error that names it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from penstock.errors import InvalidRequestError

if TYPE_CHECKING:
    from starlette.requests import Request

_FLAGS = {"true": True, "1": True, "false": False, "0": False}
#: Digits that are looked at: more are no number that anybody means.
_MOST_DIGITS = 20


def number(request: Request, name: str, default: int, least: int, most: int) -> int:
    """A whole number in its range. Raises InvalidRequestError."""
    text = request.query_params.get(name)
    if text is None:
        return default
    if not text.isascii() or not text.isdigit() or not least <= int(text[:_MOST_DIGITS]) <= most:
        raise InvalidRequestError(f"{name}: {text[:40]!r} is no number from {least} to {most}.", param=name)
    return int(text)


def flag(request: Request, name: str) -> bool:
    """A truth value, false where it is absent. Raises InvalidRequestError."""
    text = request.query_params.get(name, "false")
    if text.lower() not in _FLAGS:
        raise InvalidRequestError(f"{name}: {text[:40]!r} is neither true nor false.", param=name)
    return _FLAGS[text.lower()]


def word_of(kind: Any, param: str, name: str) -> Any:
    """A member of an enumeration. Raises InvalidRequestError."""
    try:
        return kind(name)
    except ValueError:
        raise _unknown(kind, param, name) from None


def word(request: Request, name: str, known: Sequence[str]) -> str:
    """One of some words; absent is the first. Raises InvalidRequestError."""
    text = request.query_params.get(name)
    if text is None:
        return known[0]
    if text.lower() not in known:
        raise _unknown(known, name, text)
    return text.lower()


def _unknown(known: Iterable[str], param: str, text: str) -> InvalidRequestError:
    return InvalidRequestError(f"{param}: there is no {text[:40]!r}; give one of {', '.join(known)}.", param=param)
