"""A pool on stage: a scheduler under test, workers that beat and hold, and clients that listen."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from penstock.broker import holding
from penstock.broker.client import Broker
from penstock.broker.contact import Contact
from penstock.broker.repeating import rest
from penstock.errors import BrokerUnavailableError
from penstock.frames import Delta, Generated, decode_frame, encode_frame
from penstock.settings import EngineName, PoolSettings, SchedulerSettings
from scheduler.duties import fulfil
from scheduler.leader import Candidate
from tests.eventual import until
from tests.integration.broker.pool import POOL, Pool
from tests.integration.open_broker import OpenBroker

#: Short enough that a test need not wait long for what takes its time.
LEASE_TTL_S = 0.6
LEADER_TTL_S = 0.6


def pool_settings(**changes: Any) -> PoolSettings:
    """A pool's settings with a short lease."""
    fields: dict[str, Any] = {"engine": EngineName.SIMULATED, "lease_ttl_s": LEASE_TTL_S, **changes}
    return PoolSettings(**fields)


@asynccontextmanager
async def scheduling(
    broker: Broker, *, settings: PoolSettings | None = None, reconcile_s: float = 60.0
) -> AsyncIterator[Candidate]:
    """A scheduler at work in this process; given a chance to lead by whoever has the lease."""
    candidate = Candidate(broker, Contact(broker.address), POOL, settings or pool_settings(), ttl_s=LEADER_TTL_S)
    duties = partial(fulfil, settings=SchedulerSettings(tick_s=0.05, reconcile_s=reconcile_s), traced=False)
    task = asyncio.create_task(candidate.run(duties))
    try:
        yield candidate
    finally:
        candidate.stop()
        await task


class StageWorker:
    """A worker that beats, holds what it is given, and says what it is told to."""

    def __init__(self, pool: Pool, instance: str) -> None:
        self._pool = pool
        self.instance = instance
        self.state = "ready"
        self._beating: asyncio.Task[None] | None = None
        self._silent = asyncio.Event()
        #: What the last beat was answered.
        self.answer = ""

    async def start(self, *, slots: int = 4, before: str = "") -> None:
        """Register and begin to beat."""
        assert await self._pool.register(self.instance, slots=slots, before=before) == "registered"
        self._beating = asyncio.create_task(self._beat())

    async def _beat(self) -> None:
        while self.answer != "fenced" and not self._silent.is_set():
            with contextlib.suppress(BrokerUnavailableError):
                self.answer = await self._pool.broker.run(holding.beat(POOL, self.instance, self.state, {}))
            await rest(self._silent, 0.05)

    async def fall_silent(self) -> None:
        """Beat no more, as a process does that was killed."""
        self._silent.set()
        if self._beating:
            await self._beating

    async def generate(self, held: holding.Held, offset: int, generated: Generated) -> str:
        """Journal one step with these tokens of one job."""
        delta = Delta(held.job, held.fence, offset, generated.tokens, generated.pieces)
        frame = encode_frame(self.instance, [delta])
        return await self._pool.broker.run(holding.emit(POOL, self.instance, "", [frame], []))


@asynccontextmanager
async def working(pool: Pool, instance: str, **how: Any) -> AsyncIterator[StageWorker]:
    """A worker that lives for the length of the block."""
    worker = StageWorker(pool, instance)
    await worker.start(**how)
    try:
        yield worker
    finally:
        await worker.fall_silent()


@asynccontextmanager
async def listening(broker: OpenBroker, channel: str) -> AsyncIterator[Callable[[], Awaitable[Delta]]]:
    """Subscribes to a channel; calling what it gives waits for the next delta."""
    async with broker.client.pubsub() as ears:
        await ears.subscribe(channel)
        await ears.get_message(timeout=5)

        async def heard() -> Delta:
            async with asyncio.timeout(10):
                while not (message := await ears.get_message(ignore_subscribe_messages=True, timeout=1)):
                    pass
            (delta,) = decode_frame(message["data"]).every()
            return delta

        yield heard


async def inbox_of(pool: Pool, instance: str, count: int) -> list[holding.Held]:
    """What an instance holds, once it holds that many."""

    async def full() -> bool:
        return len(await pool.inbox(instance)) >= count

    await until(full)
    return await pool.inbox(instance)
