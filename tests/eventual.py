"""Waiting inside an event loop for what must come true, and no longer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable


async def until(condition: Callable[[], Awaitable[bool]], within_s: float = 30.0) -> None:
    """Poll a condition until it holds. Raises TimeoutError if it does not in time."""
    async with asyncio.timeout(within_s):
        while not await condition():
            await asyncio.sleep(0.01)
