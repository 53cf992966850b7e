"""Parsers of replies that several queries share."""

from __future__ import annotations

from collections.abc import Callable


def names(reply: list[bytes]) -> list[str]:
    """Of a list, or the members of a set."""
    return [name.decode() for name in reply]


def scored(reply: list[bytes]) -> list[tuple[int, str]]:
    """Members of a sorted set asked for with their scores: score and name of each."""
    return [(score(of), name.decode()) for name, of in zip(reply[::2], reply[1::2], strict=True)]


def score(reply: bytes) -> int:
    """Whole numbers that Redis keeps as floats."""
    return int(float(reply))


def place_of(name: str) -> Callable[[bytes | None], tuple[int, str] | None]:
    """Where a member of that name stands by its score, as `scored` has it; None where it is none."""
    return lambda reply: None if reply is None else (score(reply), name)
