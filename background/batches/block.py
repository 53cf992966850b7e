"""A block of a batch's input: lines that are in memory together, in the order in which they become jobs."""

from __future__ import annotations

from contextlib import aclosing
from functools import partial
from typing import TYPE_CHECKING

from msgspec import Struct

from penstock.batches.batch import Cursor
from penstock.batches.line import Place, parse_line
from penstock.batches.part import input_name
from penstock.batches.sorting import order_of, prefix
from penstock.lines import Line, LineSplitter
from penstock.long_bodies import making

if TYPE_CHECKING:
    from collections.abc import Sequence

    from background.batches.work import Work

#: A block ends with the line that fills it.
MOST_LINES = 2000
MOST_BYTES = 4 << 20


class Request(Struct, frozen=True):
    """A line that is to become a job."""

    place: Place
    body: bytes


class Block(Struct, frozen=True):
    """Consecutive lines of the input, sorted."""

    requests: Sequence[Request]
    #: Where it begins, in bytes, and where the next one does.
    offset: int
    next: Cursor

    def cursor(self, taken: int) -> Cursor:
        """The place behind so many of its requests."""
        if taken == len(self.requests):
            return self.next
        return Cursor(self.offset, taken)


async def read_block(work: Work, offset: int) -> Block:
    """The block that begins there: the same requests in the same order, whoever reads it. Raises StorageError."""
    splitter = LineSplitter(work.settings.ingress.max_body_bytes)
    lines, size = list[Line](), 0
    async with aclosing(work.storage.read(input_name(work.id), offset)) as chunks:
        async for chunk in chunks:
            for line in splitter.feed(chunk):
                lines.append(line)
                size += line.size
                if len(lines) == MOST_LINES or size >= MOST_BYTES:
                    return await making(partial(_sorted, lines, offset), size)
    lines += splitter.end()
    return await making(partial(_sorted, lines, offset), size)


async def read_request(work: Work, place: Place) -> Request:
    """The request at a place. Raises StorageError, InvalidRequestError."""
    parts = [part async for part in work.storage.read(input_name(work.id), place.offset, place.offset + place.size)]
    (line,) = _lines(b"".join(parts), place)
    return Request(place, bytes(parse_line(line.text or b"").body))


def _lines(text: bytes, place: Place) -> Sequence[Line]:
    splitter = LineSplitter(place.size)
    return [*splitter.feed(text), *splitter.end()]


def _sorted(lines: Sequence[Line], offset: int) -> Block:
    requests = [_request(line, offset) for line in lines]
    order = order_of([prefix(one.body) for one in requests])
    last = lines[-1]
    following = Cursor(offset + last.offset + last.size)
    return Block([requests[one] for one in order], offset, following)


def _request(line: Line, offset: int) -> Request:
    found = parse_line(line.text or b"")
    return Request(Place(found.custom_id, offset + line.offset, line.size), bytes(found.body))
