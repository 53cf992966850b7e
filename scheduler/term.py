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
from scheduler.trouble import Duty, Trouble

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
        """How long a job that is queued again may wait, where its record does not say."""
        return round(self.settings.queue_timeout_s * 1000)

    def end_if_deposed(self, reply: object) -> None:
        """Stop acting as soon as a script says that another leads."""
        if reply == "not_leader":
            self.over.set()

    def trouble(self, duty: Duty) -> Trouble:
        """What will keep that duty from its work."""
        return Trouble(self.broker, self.pool, duty)


async def rest(over: asyncio.Event, seconds: float) -> None:
    """Sleep, but not past the event."""
    if seconds <= 0:
        return
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await over.wait()


async def repeat(over: asyncio.Event, work: Callable[[], Awaitable[None]], trouble: Trouble, *, pause_s: float) -> None:
    """Work, pause, and so on until the event is set, whatever happens; in trouble the pauses are others, and grow."""
    away_s = 0.0
    try:
        while not over.is_set():
            try:
                await work()
            except BrokerUnavailableError:
                metrics.REDIS_ERRORS.labels(kind="unavailable").inc()
                away_s = min(max(away_s * 2, _FIRST_PAUSE_S), _LONGEST_PAUSE_S)
                await rest(over, away_s)
            except Exception as error:  # noqa: BLE001 - whatever it is, it is this duty's alone
                await rest(over, await trouble.failed(error))
            else:
                away_s = 0.0
                trouble.passed()
                await rest(over, pause_s)
    finally:
        trouble.close()
