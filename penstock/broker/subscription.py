"""The frames published to one channel, however often the connection to Redis is lost."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import TYPE_CHECKING

from penstock.broker.client import LOST
from penstock.broker.connections import Use
from penstock.telemetry import events, logs

if TYPE_CHECKING:
    from redis.asyncio.client import PubSub

    from penstock.broker.client import Broker

#: After this long without a message the connection is asked for a sign of life; after twice as long it counts as dead.
_SILENCE_S = 1.0
_FIRST_PAUSE_S = 0.02
_LONGEST_PAUSE_S = 0.5

log = logs.get()


class Subscription:
    """One channel's messages, at most once each.

    `deliver` gets each message, in order and without a task switch in between. `connected` is called whenever the
    subscription begins, or begins again: then the caller can ask for what it missed.
    """

    def __init__(
        self,
        broker: Broker,
        channel: str,
        *,
        deliver: Callable[[bytes], None],
        connected: Callable[[], None],
    ) -> None:
        self._broker = broker
        self._channel = channel
        self._deliver = deliver
        self._connected = connected
        self._is_lost = False
        self._pause_s = _FIRST_PAUSE_S

    async def run(self) -> None:
        """Listen until cancelled."""
        while True:
            try:
                await self._listen()
            except LOST as error:
                if not self._is_lost:
                    log.warning(events.REDIS_LOST, reason=str(error))
                self._is_lost = True
            await asyncio.sleep(self._pause_s * random.uniform(0.5, 1.0))  # noqa: S311 - jitter, not a secret
            self._pause_s = min(self._pause_s * 2, _LONGEST_PAUSE_S)

    async def _listen(self) -> None:
        client = self._broker.connection(Use.SUBSCRIPTION)
        pubsub = client.pubsub()
        try:
            await pubsub.subscribe(self._channel)
            await self._receive(pubsub)
        finally:
            await pubsub.aclose()
            await client.aclose()

    async def _receive(self, pubsub: PubSub) -> None:
        is_waiting_for_pong = False
        while True:
            reply = await pubsub.parse_response(block=False, timeout=_SILENCE_S)
            if reply is None:
                if is_waiting_for_pong:
                    raise TimeoutError("Redis is silent")
                await pubsub.ping()
                is_waiting_for_pong = True
                continue
            is_waiting_for_pong = False
            if reply[0] == b"message":
                self._deliver(reply[2])
            elif reply[0] == b"subscribe":
                self._begin()

    def _begin(self) -> None:
        if self._is_lost:
            log.info(events.REDIS_BACK)
        self._is_lost = False
        self._pause_s = _FIRST_PAUSE_S
        self._connected()
