"""Work that is done again and again until an event, whatever goes wrong in it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from penstock.errors import BrokerUnavailableError
from penstock.pauses import GrowingPause
from penstock.telemetry import metrics

if TYPE_CHECKING:
    from penstock.broker.trouble import Trouble

#: While Redis is away.
_FIRST_PAUSE_S = 0.05
_LONGEST_PAUSE_S = 0.5


async def rest(over: asyncio.Event, seconds: float) -> None:
    """Sleep, but not past the event."""
    if seconds <= 0:
        return
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await over.wait()


async def repeat(over: asyncio.Event, work: Callable[[], Awaitable[None]], trouble: Trouble, *, pause_s: float) -> None:
    """Work, pause, and so on until the event is set, whatever happens; in trouble the pauses are others, and grow."""
    away = GrowingPause(_FIRST_PAUSE_S, _LONGEST_PAUSE_S)
    try:
        while not over.is_set():
            try:
                await work()
            except BrokerUnavailableError:
                metrics.REDIS_ERRORS.labels(kind="unavailable").inc()
                await rest(over, away.next_s())
            except Exception as error:  # noqa: BLE001 - whatever it is, it is this duty's alone
                await rest(over, await trouble.failed(error))
            else:
                away.reset()
                trouble.passed()
                await rest(over, pause_s)
    finally:
        trouble.close()
