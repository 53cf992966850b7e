"""Reading long bodies: beside the event loop, one after the other.

A decoder holds the interpreter's lock from the beginning of a body to its end. Of several threads that decode, the
event loop would wait for each in turn; of one it waits for one body at most before it goes on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

T = TypeVar("T")

#: Longer bodies are read beside the event loop.
LONG_BYTES = 64 << 10

_reader = ThreadPoolExecutor(max_workers=1, thread_name_prefix="long-bodies")


async def reading(read: Callable[[bytes], T], raw: bytes) -> T:
    """What `read` makes of a body. Raises what it raises."""
    return read(raw) if len(raw) <= LONG_BYTES else await making(partial(read, raw), len(raw))


async def making(make: Callable[[], T], size_bytes: int) -> T:
    """What `make` makes of so many bytes. Raises what it raises."""
    if size_bytes <= LONG_BYTES:
        return make()
    return await asyncio.get_running_loop().run_in_executor(_reader, make)
