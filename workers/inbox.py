"""What comes in for one instance: jobs to claim, and requests about jobs it has."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from penstock.broker import holding
from penstock.broker.holding import Claimed, Held
from penstock.broker.tail import Attach, Cancel, Tail
from penstock.errors import BrokerDataError, BrokerError, BrokerUnavailableError
from penstock.telemetry import events, logs
from workers.trouble import WorkerTrouble

if TYPE_CHECKING:
    from penstock.broker.client import Broker
    from workers.executor import Executor

_PAUSE_S = 0.1
#: Streams are read from their start this often at least: a connection may be lost, and another server take over, while
#: nobody waits on it.
_START_OVER_S = 5.0

log = logs.get()


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
        self._reading = WorkerTrouble(pool, instance)
        self._claiming = WorkerTrouble(pool, instance)
        #: Jobs whose claim failed, by entry, and when it is tried again.
        self._unclaimed: dict[str, Held] = {}
        self._again_s = 0.0
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
        except BrokerDataError as error:
            await asyncio.sleep(self._reading.pause_s(error))
            return
        self._reading.end()
        if arrivals.unreadable:
            log.error(events.ENTRY_UNREADABLE, worker=self._instance, entries=arrivals.unreadable)
        await self._take_up(arrivals.held)
        for control in arrivals.controls:
            await self._heed(control)
        if time.monotonic() > self._start_over_s:
            await self._start_over()

    async def _start_over(self) -> None:
        await self._tail.close()
        self._tail = Tail(self._broker, self._pool, self._instance)
        self._start_over_s = time.monotonic() + _START_OVER_S

    async def _take_up(self, arrived: Sequence[Held]) -> None:
        """Claim what has come, and when it is time what could not be claimed before."""
        held = [one for one in arrived if not self._executor.holds(one) and one.entry not in self._unclaimed]
        if self._unclaimed and time.monotonic() >= self._again_s:
            held = [*self._unclaimed.values(), *held]
        if held and not self._is_closed:
            await self._claim(held)

    async def _claim(self, held: Sequence[Held]) -> None:
        answers = await self._answers(held)
        if holding.FENCED in answers:
            self._on_fenced()
            return
        # An entry whose job has gone on without us would take up a slot for ever.
        stale = [one for one, answer in zip(held, answers, strict=True) if isinstance(answer, str)]
        if stale:
            await self._tail.drop(stale)
        for answer in answers:
            if isinstance(answer, Claimed) and not self._is_closed:
                await self._begin(answer)
        self._keep_for_later(held, answers)

    async def _begin(self, claimed: Claimed) -> None:
        entry = _position(claimed.held)
        is_forgotten = entry <= self._newest and claimed.held.entry not in self._unclaimed
        await self._executor.begin(claimed, is_forgotten=is_forgotten)
        self._newest = max(self._newest, entry)

    async def _answers(self, held: Sequence[Held]) -> list[Claimed | str | BrokerError]:
        try:
            return [*await self._broker.run(holding.claim(self._pool, self._instance, held))]
        except BrokerDataError:
            # One record that cannot be read does not keep the others.
            claims = [holding.claim(self._pool, self._instance, [one]) for one in held]
            replies = await self._broker.run_each(claims)
            return [reply if isinstance(reply, BrokerError) else reply[0] for reply in replies]

    def _keep_for_later(self, held: Sequence[Held], answers: Sequence[Claimed | str | BrokerError]) -> None:
        error: BrokerError | None = None
        for one, answer in zip(held, answers, strict=True):
            self._unclaimed.pop(one.entry, None)
            if isinstance(answer, BrokerError):
                self._unclaimed[one.entry] = one
                error = answer
        if error is not None:
            self._again_s = time.monotonic() + self._claiming.pause_s(error)
        elif not self._unclaimed:
            self._claiming.end()

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
