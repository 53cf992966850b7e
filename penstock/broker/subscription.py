"""The frames published to one channel, however often the connection to Redis is lost."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from penstock.broker.error_replies import LOST
from penstock.pauses import GrowingPause
from penstock.telemetry import events, logs

if TYPE_CHECKING:
    from penstock.broker.client import Broker
    from penstock.broker.link import Link

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
        self._is_silent = False
        self._pause = GrowingPause(_FIRST_PAUSE_S, _LONGEST_PAUSE_S)

    async def run(self) -> None:
        """Listen until cancelled."""
        while True:
            try:
                await self._listen()
            except Exception as error:
                # Without it the process is deaf: whatever it is, it is tried again.
                if not self._is_lost:
                    unforeseen = None if isinstance(error, LOST) else error
                    log.warning(events.REDIS_LOST, address=self._broker.address, why=str(error), exc_info=unforeseen)
                self._is_lost = True
            await asyncio.sleep(self._pause.next_s() * random.uniform(0.5, 1.0))  # noqa: S311 - jitter, not a secret

    async def _listen(self) -> None:
        link = await self._broker.subscriber(self._receive)
        try:
            link.write([("SUBSCRIBE", self._channel)])
            while True:
                if not await self._hears(link):
                    link.write([("PING",)])
                    if not await self._hears(link):
                        raise TimeoutError("Redis is silent")
        finally:
            link.close()

    async def _hears(self, link: Link) -> bool:
        """Whether anything comes in the next while."""
        self._is_silent = True
        await asyncio.wait([link.lost], timeout=_SILENCE_S)
        if link.is_lost:
            raise ConnectionResetError("the connection was lost")
        return not self._is_silent

    def _receive(self, reply: Any) -> None:
        self._is_silent = False
        if reply[0] == b"message":
            self._deliver(reply[2])
        elif reply[0] == b"subscribe":
            self._begin()

    def _begin(self) -> None:
        if self._is_lost:
            log.info(events.REDIS_BACK, address=self._broker.address)
        self._is_lost = False
        self._pause.reset()
        self._connected()
