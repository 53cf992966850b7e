"""What wakes a pool's leader when there may be something to do."""

from __future__ import annotations

from typing import TypeVar

from penstock.broker.client import Broker, read
from penstock.broker.error_replies import LOST
from penstock.broker.keys import keys_of
from penstock.broker.link import raise_any
from penstock.broker.script import Call
from penstock.errors import BrokerUnavailableError

T = TypeVar("T")

#: A server that is this much later than it was asked to be will not answer at all.
_GRACE_S = 1.0


class WakeUp:
    """A connection that waits for the element that the scripts push to the pool's wake-up list."""

    def __init__(self, broker: Broker, pool: str) -> None:
        self._broker = broker
        self._channel = broker.channel()
        self._key = keys_of(pool).wake_up

    async def then(self, timeout_s: float, call: Call[T]) -> T:
        """Sleep until somebody wakes us, at most `timeout_s`, and run a call right then: one round trip for both.

        Raises BrokerUnavailableError, BrokerDataError.
        """
        try:
            wait = ("BLPOP", self._key, timeout_s)
            # Only a connection that has gone silent is ever cut off here; a wake-up lost with it is made up for by the
            # call, which follows every wait.
            woken, reply = await self._channel.ask([wait, await self._broker.as_command(call)], timeout_s + _GRACE_S)
            raise_any([woken], LOST)
        except LOST as error:
            raise BrokerUnavailableError(f"Redis is out of reach: {error}") from error
        read(lambda _: None, woken, wait)
        # Whatever is wrong with the script's reply, it is run again in the ordinary way.
        return await self._broker.run(call) if isinstance(reply, Exception) else read(call.parse, reply, call.keys)

    async def close(self) -> None:
        """Give the connection back."""
        await self._channel.close()
