"""Which columns of a list a terminal has room for, and how wide each is. Pure."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass

#: Blanks between two columns.
GAP = 2
#: A column of text is at least so wide, or as wide as its longest value.
_LEAST_TEXT = 12


class Kind(enum.Enum):
    """What stands in a column."""

    #: An id, a state, a time: always in one piece.
    WORD = enum.auto()
    #: The same, at the right.
    NUMBER = enum.auto()
    #: A name, a reason: broken across lines where it is too long.
    TEXT = enum.auto()


@dataclass(frozen=True)
class Column:
    """A column of a list."""

    heading: str
    kind: Kind = Kind.WORD
    #: Where rows are too wide, the column with the highest rank is left out first; one of rank 0 stays.
    rank: int = 0
    #: A column in which nothing else stands is left out.
    nothing: str = ""


@dataclass(frozen=True)
class Layout:
    """What is shown of a list."""

    #: By the places of the columns; None where even so the rows are too wide, and values have to be broken.
    widths: dict[int, int | None]
    #: The headings of columns that had no room.
    left_out: tuple[str, ...]


def layout(columns: Sequence[Column], widest: Sequence[int], width: int) -> Layout:
    """Fit rows into a width; `widest` is the width of the longest value of each column, 0 for one without any."""
    shown = [place for place, longest in enumerate(widest) if longest or not any(widest)]
    least = {place: _least(columns[place], widest[place]) for place in shown}
    full = {place: max(widest[place], len(columns[place].heading)) for place in shown}
    left_out: list[int] = []
    while _total(least) > width and (ranked := [place for place in least if columns[place].rank]):
        left_out.append(max(ranked, key=lambda place: columns[place].rank))
        del least[left_out[-1]]
    headings = tuple(columns[place].heading for place in sorted(left_out))
    if _total(least) > width:
        return Layout(dict.fromkeys(least), headings)
    widths: dict[int, int | None] = {}
    room = width - _total(least)
    # Who lacks least comes first, so that one long value leaves room for others.
    for place in sorted(least, key=lambda place: full[place] - least[place]):
        more = min(room, full[place] - least[place])
        widths[place] = least[place] + more
        room -= more
    return Layout(dict(sorted(widths.items())), headings)


def _least(column: Column, longest: int) -> int:
    """Headings are broken at their blanks."""
    word = max(map(len, column.heading.split()), default=0)
    return max(word, min(longest, _LEAST_TEXT) if column.kind is Kind.TEXT else longest)


def _total(widths: dict[int, int]) -> int:
    return sum(widths.values()) + GAP * (len(widths) - 1)
