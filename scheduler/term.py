"""A term: one leadership of one pool, from winning the lease to losing it or giving it up."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from penstock.broker.client import Broker
from penstock.errors import BrokerUnavailableError
from penstock.settings import PoolSettings
from penstock.telemetry import metrics

_FIRST_PAUSE_S = 0.05
_LONGEST_PAUSE_S = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """What every duty of a leader needs; each stops soon after `over` is set."""

    pool: str
    #: Proves the leadership to the scripts.
    token: str
    broker: Broker
    settings: PoolSettings
    over: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def queue_timeout_ms(self) -> int:
        """How long a job that is queued again may wait."""
        return round(self.settings.queue_timeout_s * 1000)

    def end_if_deposed(self, reply: str) -> None:
        """Stop acting as soon as a script says that another leads."""
        if reply == "not_leader":
            self.over.set()


async def rest(over: asyncio.Event, seconds: float) -> None:
    """Sleep, but not past the event."""
    if seconds <= 0:
        return
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await over.wait()


async def repeat(over: asyncio.Event, work: Callable[[], Awaitable[None]], *, pause_s: float) -> None:
    """Work, pause, and so on until the event is set; while Redis is away the pauses are others, and grow."""
    trouble_s = 0.0
    while not over.is_set():
        try:
            await work()
        except BrokerUnavailableError:
            metrics.REDIS_ERRORS.labels(kind="unavailable").inc()
            trouble_s = min(max(trouble_s * 2, _FIRST_PAUSE_S), _LONGEST_PAUSE_S)
            await rest(over, trouble_s)
        else:
            trouble_s = 0.0
            await rest(over, pause_s)
