"""Calls made at about the same time go to Redis together."""

from __future__ import annotations

import asyncio
from typing import Any, TypeVar

from penstock.broker.client import Broker
from penstock.broker.script import Call
from penstock.errors import BrokerUnavailableError

T = TypeVar("T")

#: Calls in one round trip, and bytes in what they carry, unless one alone has more: a trip's time grows with both, and
#: whoever is in it waits for all of it.
_MOST = 128
_MOST_BYTES = 4 << 20


class Batcher:
    """One round trip at a time, for everything that came up during the last: under load it costs a third per call.

    Nobody waits longer than `deadline_s`: a trip that takes it fails, and with it all who waited for the next.
    """

    def __init__(self, broker: Broker, deadline_s: float) -> None:
        self._broker = broker
        self._deadline_s = deadline_s
        self._waiting: list[tuple[Call[Any], asyncio.Future[Any]]] = []
        self._trips: asyncio.Task[None] | None = None

    async def run(self, call: Call[T]) -> T:
        """As Broker.run; a call that is cancelled before its turn is not made.

        After BrokerUnavailableError the call may have been made, or not.
        """
        answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._waiting.append((call, answer))
        if self._trips is None:
            self._trips = asyncio.create_task(self._make_trips())
        return await answer

    async def _make_trips(self) -> None:
        try:
            while self._waiting:
                count = self._next_count()
                batch = [(call, answer) for call, answer in self._waiting[:count] if not answer.done()]
                del self._waiting[:count]
                if batch:
                    await self._make_trip(batch)
        finally:
            self._trips = None

    def _next_count(self) -> int:
        """How many of those that wait go together."""
        size_bytes = 0
        for count, (call, _) in enumerate(self._waiting[:_MOST]):
            size_bytes += call.size_bytes
            if count and size_bytes > _MOST_BYTES:
                return count
        return _MOST

    async def _make_trip(self, batch: list[tuple[Call[Any], asyncio.Future[Any]]]) -> None:
        outcomes: list[Any]
        try:
            async with asyncio.timeout(self._deadline_s):
                outcomes = await self._broker.run_each([call for call, _ in batch])
        except (TimeoutError, BrokerUnavailableError) as error:
            batch += self._waiting
            self._waiting = []
            outcomes = [BrokerUnavailableError(f"Redis did not answer: {str(error) or 'it is silent'}") for _ in batch]
        except Exception as error:  # noqa: BLE001 - whoever waits has to hear of it, whatever it is
            outcomes = [error] * len(batch)
        for (_, answer), outcome in zip(batch, outcomes, strict=True):
            if answer.done():
                continue
            if isinstance(outcome, Exception):
                answer.set_exception(outcome)
            else:
                answer.set_result(outcome)
