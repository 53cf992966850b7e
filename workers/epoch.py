"""One registration of a worker: an instance with its streams, its lease and its jobs, until it is retired or fenced."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from penstock.broker import holding, leading
from penstock.broker.registration import new_instance
from penstock.errors import BrokerDataError, BrokerError, LeaseError
from penstock.telemetry import events, logs
from workers.checking import Checking
from workers.emitter import Emitter
from workers.executor import Executor
from workers.inbox import Inbox
from workers.trouble import WorkerTrouble

if TYPE_CHECKING:
    import socket

    from penstock.broker.client import Broker
    from penstock.settings import PoolSettings
    from workers.engine.base import Engine
    from workers.job.run import Run
    from workers.lease import Lease
    from workers.vitals import Vitals

#: How long Redis may take to hear of the last jobs; others find them otherwise.
_GOODBYE_S = 1.0
_POLL_S = 0.01

log = logs.get()


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a worker works."""

    #: Waits out any absence of Redis.
    broker: Broker
    #: Our end of the wire to what renews the lease.
    pulse: socket.socket
    pool: str
    settings: PoolSettings
    #: The worker's name, which its instances share.
    name: str


class Epoch:
    """An instance at work."""

    def __init__(self, place: Place, instance: str, engine: Engine, vitals: Vitals, lease: Lease) -> None:
        self.instance = instance
        #: By the monotonic clock.
        self.began_s = time.monotonic()
        self._place = place
        #: Set when everything it writes is refused.
        self.fenced = asyncio.Event()
        self._hurry = asyncio.Event()
        settings = place.settings
        self._emitter = Emitter(
            place.broker,
            place.pool,
            instance,
            queue_timeout_ms=round(settings.queue_timeout_s * 1000),
            on_closed=self._closed,
            on_fenced=self.fenced.set,
        )
        self._vitals = vitals
        checking = Checking(self._say, settings.max_losses)
        vitals.checking = checking.jobs
        self.executor = Executor(engine, self._emitter, place.pool, instance, checking)
        self._inbox = Inbox(place.broker, place.pool, instance, self.executor, self.fenced.set)
        self._lease = lease
        self._loops = [asyncio.create_task(loop) for loop in (self._emitter.run(), self._inbox.run())]
        lease.hold(instance, self.fenced.set)

    @classmethod
    async def begin(cls, place: Place, engine: Engine, vitals: Vitals, lease: Lease, *, last: str) -> Epoch:
        """Register, however long Redis takes, and whatever lies where the registration goes.

        `last` is the worker's instance so far, "" for none.
        """
        instance = await _registered(place, vitals, last)
        log.info(events.WORKER_REGISTERED, pool=place.pool, worker=instance, state=vitals.state.value)
        return cls(place, instance, engine, vitals, lease)

    def check(self) -> None:
        """Raises whatever ended a loop or a task that should not end so."""
        self.executor.check()
        for loop in self._loops:
            if loop.done() and not self.fenced.is_set():
                loop.result()

    async def drain(self, grace_s: float) -> None:
        """Finish what can be finished within the grace, hand back the rest, and retire."""
        self.executor.stop_taking()
        await _any(self.executor.idle, self.fenced, self._hurry, within_s=grace_s)
        await self.executor.hand_back_all()
        # A beat after the retirement says that we are fenced, which is no news then.
        self._lease.release()
        try:
            async with asyncio.timeout(_GOODBYE_S):
                await self._retire()
        except (TimeoutError, BrokerError):
            log.warning(events.WORKER_NOT_RETIRED, pool=self._place.pool, worker=self.instance)
        self._close()

    def hurry(self) -> None:
        """There is nothing to wait for while draining."""
        self._hurry.set()

    async def abandon(self) -> None:
        """Drop everything: another has it, or will."""
        self._close()
        await self.executor.forget_all()

    async def die(self, why: str) -> None:
        """Journal what there is, and leave the jobs to those who recover them from it.

        They are not handed back: a job that ends its engine wherever it runs has to be counted.
        """
        self._lease.release()
        with suppress(TimeoutError, BrokerError):
            async with asyncio.timeout(_GOODBYE_S):
                await self._emitter.flush()
                await self._place.broker.run(leading.declare_lost(self._place.pool, self.instance, beat=None, why=why))
        self._close()

    async def _say(self) -> None:
        """Tell the vitals' news before going on: what comes next may be the last that this process does."""
        pool, vitals = self._place.pool, self._vitals
        with suppress(LeaseError, BrokerDataError):
            # The pulse first: a later beat of its must not say less.
            self._lease.tell()
            await self._place.broker.run(holding.beat(pool, self.instance, vitals.state.value, vitals.fields))

    def _closed(self, run: Run, reply: str) -> None:
        self.executor.closed(run, reply)

    async def _retire(self) -> None:
        retire = leading.retire(self._place.pool, self.instance, self._place.name)
        # What was assigned before the news of our leaving is handed back as it is claimed.
        while await self._place.broker.run(retire) == "holds" and not self.fenced.is_set():  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(_POLL_S)

    def _close(self) -> None:
        self._lease.release()
        self._inbox.close()
        self._emitter.stop()


async def _registered(place: Place, vitals: Vitals, last: str) -> str:
    trouble = WorkerTrouble(place.pool, place.name)
    while True:
        fields = {"state": vitals.state.value, **vitals.origin, **vitals.fields}
        try:
            instance = await new_instance(place.broker, place.pool, place.name, fields, last=last)
        except BrokerDataError as error:
            await asyncio.sleep(trouble.pause_s(error))
        else:
            trouble.end()
            return instance


async def _any(*events_: asyncio.Event, within_s: float) -> None:
    """Wait for one of several events."""
    waits = [asyncio.create_task(event.wait()) for event in events_]
    await asyncio.wait(waits, timeout=within_s, return_when=asyncio.FIRST_COMPLETED)
    for wait in waits:
        wait.cancel()
