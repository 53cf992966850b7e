"""The bell: what wakes a pool's leader when there may be something to do."""

from __future__ import annotations

import asyncio

from penstock.broker.client import LOST, Broker
from penstock.broker.connections import Use
from penstock.broker.keys import PoolKeys
from penstock.errors import BrokerUnavailableError

#: A server that is this much later than it was asked to be will not answer at all.
_GRACE_S = 1.0


class Bell:
    """A connection that waits for the bell, which the scripts ring."""

    def __init__(self, broker: Broker, pool: str) -> None:
        self._client = broker.connection(Use.BLOCKING)
        self._key = PoolKeys(pool).bell

    async def wait(self, timeout_s: float) -> None:
        """Sleep until it rings, at most `timeout_s`. Raises BrokerUnavailableError."""
        try:
            # Only a connection that has gone silent is ever cut off here; a ring lost with it is made up for by the
            # survey that follows every wait.
            async with asyncio.timeout(timeout_s + _GRACE_S):
                await self._client.blpop([self._key], timeout=timeout_s)
        except LOST as error:
            raise BrokerUnavailableError(f"Redis is out of reach: {error}") from error

    async def close(self) -> None:
        """Give the connection back."""
        await self._client.aclose()
