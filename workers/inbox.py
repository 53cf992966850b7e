"""What comes in for one instance: jobs to claim, and requests about jobs it has."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from penstock.broker import holding
from penstock.broker.holding import Claimed, Held
from penstock.broker.tail import Attach, Cancel, Tail
from penstock.errors import BrokerUnavailableError

if TYPE_CHECKING:
    from penstock.broker.client import Broker
    from workers.executor import Executor

_PAUSE_S = 0.1
#: Streams are read from their start this often at least: a connection may be lost, and another server take over, while
#: nobody waits on it.
_START_OVER_S = 5.0


class Inbox:
    """Reads an instance's streams and gives what it finds to the executor.

    After a lost connection, and now and then, it reads them from their start: a replica that has taken over may lack
    the last writes, so that a job which was ended is running again, and is nobody's if not of the worker that ended it.
    """

    def __init__(
        self, broker: Broker, pool: str, instance: str, executor: Executor, on_fenced: Callable[[], None]
    ) -> None:
        self._broker = broker
        self._pool = pool
        self._instance = instance
        self._executor = executor
        self._on_fenced = on_fenced
        self._tail = Tail(broker, pool, instance)
        #: The newest entry that was taken up.
        self._newest = (0, 0)
        self._start_over_s = time.monotonic() + _START_OVER_S
        self._is_closed = False

    def close(self) -> None:
        """Take up nothing more; the read under way ends by itself."""
        self._is_closed = True

    async def run(self) -> None:
        """Read until closed."""
        try:
            while not self._is_closed:
                await self._read()
        finally:
            await self._tail.close()

    async def _read(self) -> None:
        try:
            arrivals = await self._tail.read()
        except BrokerUnavailableError:
            await self._start_over()
            await asyncio.sleep(_PAUSE_S)
            return
        held = [one for one in arrivals.held if not self._executor.holds(one)]
        if held and not self._is_closed:
            await self._claim(held)
        for control in arrivals.controls:
            await self._heed(control)
        if time.monotonic() > self._start_over_s:
            await self._start_over()

    async def _start_over(self) -> None:
        await self._tail.close()
        self._tail = Tail(self._broker, self._pool, self._instance)
        self._start_over_s = time.monotonic() + _START_OVER_S

    async def _claim(self, held: Sequence[Held]) -> None:
        replies = await self._broker.run(holding.claim(self._pool, self._instance, held))
        if holding.FENCED in replies:
            self._on_fenced()
            return
        # An entry whose job has gone on without us would take up a slot for ever.
        stale = [one for one, reply in zip(held, replies, strict=True) if isinstance(reply, str)]
        if stale:
            await self._tail.drop(stale)
        for reply in replies:
            if isinstance(reply, Claimed) and not self._is_closed:
                entry = _position(reply.held)
                await self._executor.begin(reply, is_forgotten=entry <= self._newest)
                self._newest = max(self._newest, entry)

    async def _heed(self, control: Cancel | Attach) -> None:
        match control:
            case Cancel(job, fence):
                await self._executor.cancel(job, fence)
            case Attach(job, listener, offset):
                self._executor.attach(job, listener, offset)


def _position(held: Held) -> tuple[int, int]:
    """Of an entry in its stream."""
    ms, _, number = held.entry.partition("-")
    return int(ms), int(number)
