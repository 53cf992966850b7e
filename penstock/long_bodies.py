"""Reading long bodies: beside the event loop, one after the other.

A decoder holds the interpreter's lock from the beginning of a body to its end. Of several threads that decode, the
event loop would wait for each in turn; of one it waits for one body at most before it goes on.

Short bodies are read where they come, unless those before them have held up the event loop already: a hundred
schemas, in the lines of one request or from a hundred clients, take seconds together.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

T = TypeVar("T")

#: Longer bodies are read beside the event loop.
LONG_BYTES = 64 << 10
#: How long bodies may hold up one turn of the event loop before those that follow are read beside it.
_MOST_HELD_S = 0.005

_reader = ThreadPoolExecutor(max_workers=1, thread_name_prefix="long-bodies")


class _Turn:
    """How long bodies have held up the present turn of the event loop."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._held_s = 0.0

    def is_long(self, loop: asyncio.AbstractEventLoop) -> bool:
        """Whether they have done so for long enough."""
        return self._loop is loop and self._held_s > _MOST_HELD_S

    def hold(self, loop: asyncio.AbstractEventLoop, make: Callable[[], T]) -> T:
        """Make something in it."""
        if self._loop is not loop:
            self._loop, self._held_s = loop, 0.0
            loop.call_soon(self._end)
        begun_s = time.perf_counter()
        try:
            return make()
        finally:
            self._held_s += time.perf_counter() - begun_s

    def _end(self) -> None:
        self._loop = None


_turn = _Turn()


async def reading(read: Callable[[bytes], T], raw: bytes) -> T:
    """What `read` makes of a body. Raises what it raises."""
    return await making(partial(read, raw), len(raw))


async def making(make: Callable[[], T], size_bytes: int) -> T:
    """What `make` makes of so many bytes. Raises what it raises."""
    loop = asyncio.get_running_loop()
    if size_bytes > LONG_BYTES or _turn.is_long(loop):
        return await loop.run_in_executor(_reader, make)
    return _turn.hold(loop, make)
