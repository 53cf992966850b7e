"""What wakes a process that waits for work of a pool, when there may be some."""

from __future__ import annotations

from typing import Any, TypeVar

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
    """A connection that waits for the element that the scripts push to a list; one of those who wait for it gets it."""

    def __init__(self, broker: Broker, key: str) -> None:
        self._broker = broker
        self._channel = broker.channel()
        self._key = key

    @classmethod
    def for_leader(cls, broker: Broker, pool: str) -> WakeUp:
        """Wakes the leader of a pool."""
        return cls(broker, keys_of(pool).wake_up)

    @classmethod
    def for_batches(cls, broker: Broker, pool: str) -> WakeUp:
        """Wakes one of those who take up the batches of a pool."""
        return cls(broker, keys_of(pool).batch_wake_up)

    async def wait(self, timeout_s: float) -> None:
        """Sleep until somebody wakes us, at most `timeout_s`. Raises BrokerUnavailableError, BrokerDataError."""
        await self._wait(timeout_s)

    async def then(self, timeout_s: float, call: Call[T]) -> T:
        """Sleep until somebody wakes us, at most `timeout_s`, and run a call right then: one round trip for both.

        Raises BrokerUnavailableError, BrokerDataError.
        """
        reply = await self._wait(timeout_s, call)
        # Whatever is wrong with the script's reply, it is run again in the ordinary way.
        return await self._broker.run(call) if isinstance(reply, Exception) else read(call.parse, reply, call.keys)

    async def close(self) -> None:
        """Give the connection back."""
        await self._channel.close()

    async def _wait(self, timeout_s: float, call: Call[Any] | None = None) -> Any:
        """The reply to the call that follows the wait, if one does."""
        wait = ("BLPOP", self._key, timeout_s)
        try:
            then = [] if call is None else [await self._broker.as_command(call)]
            # Only a connection that has gone silent is ever cut off here; a wake-up lost with it is made up for by the
            # look that follows every wait.
            woken, *replies = await self._channel.ask([wait, *then], timeout_s + _GRACE_S)
            raise_any([woken], LOST)
        except LOST as error:
            raise BrokerUnavailableError(f"Redis is out of reach: {error}") from error
        read(lambda _: None, woken, wait)
        return replies[0] if replies else None
