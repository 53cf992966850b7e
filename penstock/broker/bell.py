"""The bell: what wakes a pool's leader when there may be something to do."""

from __future__ import annotations

import asyncio
from typing import TypeVar

from penstock.broker.client import LOST, Broker
from penstock.broker.connections import Use
from penstock.broker.keys import PoolKeys
from penstock.broker.script import Call
from penstock.errors import BrokerUnavailableError

T = TypeVar("T")

#: A server that is this much later than it was asked to be will not answer at all.
_GRACE_S = 1.0


class Bell:
    """A connection that waits for the bell, which the scripts ring."""

    def __init__(self, broker: Broker, pool: str) -> None:
        self._broker = broker
        self._client = broker.connection(Use.BLOCKING)
        self._key = PoolKeys(pool).bell

    async def then(self, timeout_s: float, call: Call[T]) -> T:
        """Sleep until it rings, at most `timeout_s`, and run a call right then: one round trip for both.

        Raises BrokerUnavailableError.
        """
        pipeline = self._client.pipeline(transaction=False)
        pipeline.execute_command("BLPOP", self._key, timeout_s)
        try:
            pipeline.execute_command(*await self._broker.as_command(call))
            # Only a connection that has gone silent is ever cut off here; a ring lost with it is made up for by the
            # call, which follows every wait.
            async with asyncio.timeout(timeout_s + _GRACE_S):
                _, reply = await pipeline.execute(raise_on_error=False)
        except LOST as error:
            raise BrokerUnavailableError(f"Redis is out of reach: {error}") from error
        return await self._broker.run(call) if isinstance(reply, Exception) else call.parse(reply)

    async def close(self) -> None:
        """Give the connection back."""
        await self._client.aclose()
