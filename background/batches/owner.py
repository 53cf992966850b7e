"""Takes up batches that nobody works on, and renews the right to those that this process works on."""

from __future__ import annotations

import asyncio
import itertools
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from background.batches.run import BatchRun
from background.batches.work import Work
from penstock.batches.choosing import Waiting, next_to_take
from penstock.broker import batches
from penstock.broker.observing import clock_ms
from penstock.broker.repeating import repeat, rest
from penstock.broker.trouble import Duty, Trouble
from penstock.broker.wake_up import WakeUp
from penstock.errors import BrokerDataError, BrokerUnavailableError
from penstock.telemetry import events, logs, metrics

if TYPE_CHECKING:
    from background.hand_over import HandOver
    from penstock.broker.client import Broker
    from penstock.broker.script import Call
    from penstock.settings import Settings
    from penstock.storage import Storage

#: Batches of one pool that one process works on at once: each has a block of its input in memory.
_MOST = 64
#: How often a batch that nobody works on is looked for without a wake-up, and the lease renewed within its length.
_EVERY_S = 0.5
_RENEWALS_PER_TTL = 3
#: Between two looks at least, however fast batches are created: each look asks for all that are open.
_GAP_S = 0.05
#: How long steps may go on when the process is told to stop.
_GRACE_S = 2.0

_log = logs.get()


@dataclass(frozen=True)
class _Run:
    """A batch that is being worked on."""

    tenant: str
    token: str
    task: asyncio.Task[None]


class BatchOwner:
    """This process's part in the batches of one pool."""

    def __init__(
        self, broker: Broker, storage: Storage, settings: Settings, pool: str, token: str, hand_over: HandOver
    ) -> None:
        self._broker = broker
        self._storage = storage
        self._settings = settings
        self._pool = pool
        self._token = token
        self._hand_over = hand_over
        self._ttl_ms = round(settings.batches.lease_ttl_s * 1000)
        self._every_s = min(_EVERY_S, settings.batches.lease_ttl_s / _RENEWALS_PER_TTL)
        self._wake_up = WakeUp.for_batches(broker, pool)
        self._stopping = asyncio.Event()
        self._runs = dict[str, _Run]()
        self._taken = itertools.count()

    async def run(self) -> None:
        """Work until stopped; then let go of what is under way, for another process to take up at once."""
        await repeat(self._stopping, self._next, Trouble(self._broker, self._pool, Duty.BATCHES), pause_s=_GAP_S)
        await self._wake_up.close()
        await self._end_runs()
        # Where Redis is away, their leases run out.
        with suppress(BrokerUnavailableError):
            await self._broker.run_each(self._renewals(0))

    def stop(self) -> None:
        """End after the steps in hand."""
        self._stopping.set()

    async def _end_runs(self) -> None:
        """Each step may be cut short anywhere, and some read a large file: whoever stops us does not wait for that."""
        tasks = [run.task for run in self._runs.values()]
        if tasks:
            _, slow = await asyncio.wait(tasks, timeout=_GRACE_S)
            for task in slow:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _next(self) -> None:
        await self._look()
        if len(self._runs) >= _MOST:
            # Another process has places.
            await rest(self._stopping, self._every_s)
            return
        try:
            await self._wake_up.wait(self._every_s)
        except BrokerDataError:
            # Something else has the list's key. Who creates a batch puts it right; the looks go on until then.
            await rest(self._stopping, self._every_s)

    async def _look(self) -> None:
        self._runs = {batch_id: run for batch_id, run in self._runs.items() if not run.task.done()}
        metrics.BATCHES_RUNNING.labels(self._pool).set(len(self._runs))
        await self._renew()
        if len(self._runs) < _MOST:
            await self._take()

    async def _renew(self) -> None:
        if self._runs:
            replies = await self._broker.run_each(self._renewals(self._ttl_ms))
            for (batch_id, run), reply in zip(self._runs.items(), replies, strict=True):
                if reply == "held" and run.task.cancel():
                    # Every write of ours is refused by now.
                    _log.info(events.BATCH_DISOWNED, batch=batch_id, pool=self._pool)

    def _renewals(self, ttl_ms: int) -> list[Call[str]]:
        return [batches.renew(self._pool, one, run.token, ttl_ms) for one, run in self._runs.items()]

    async def _take(self) -> None:
        waiting = await self._waiting()
        running = [run.tenant for run in self._runs.values()]
        chosen = next_to_take(list(waiting.values()), running, _MOST)
        tokens = [f"{self._token}-{next(self._taken)}" for _ in chosen]
        calls = [batches.take(self._pool, one, token, self._ttl_ms) for one, token in zip(chosen, tokens, strict=True)]
        replies = await self._broker.run_each(calls) if calls else []
        for batch_id, token, reply in zip(chosen, tokens, replies, strict=True):
            if reply == "owned":
                _log.info(events.BATCH_TAKEN, batch=batch_id, pool=self._pool)
                task = asyncio.create_task(self._run(batch_id, token))
                self._runs[batch_id] = _Run(waiting[batch_id].tenant, token, task)

    async def _waiting(self) -> dict[str, Waiting]:
        """The batches that nobody works on, the oldest first."""
        known = [one for one in await self._broker.ask(batches.open_batches(self._pool)) if one not in self._runs]
        if not known:
            return {}
        *found, now_ms = await self._broker.ask_each([*(batches.owned(self._pool, one) for one in known), clock_ms()])
        waiting = dict[str, Waiting]()
        for batch_id, owned in zip(known, found, strict=True):
            if owned is None:
                await self._strike_off(batch_id)
            elif isinstance(owned, batches.Owned) and owned.until_ms <= now_ms:
                waiting[batch_id] = Waiting(batch_id, owned.tenant)
        return waiting

    async def _strike_off(self, batch_id: str) -> None:
        """A batch whose record was lost would be open for ever."""
        keep_ms = round(self._settings.batches.keep_s * 1000)
        await self._broker.run(batches.settle(self._pool, batch_id, self._token, keep_ms))
        _log.error(events.BATCH_LOST, batch=batch_id, pool=self._pool)

    async def _run(self, batch_id: str, token: str) -> None:
        work = Work(self._broker, self._storage, self._settings, self._pool, batch_id, token)
        await BatchRun(work, self._hand_over).run(self._stopping)
