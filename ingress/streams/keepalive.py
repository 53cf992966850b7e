"""Shows on each open stream that it lives while no tokens come: one sweep over all of them, and nothing per token."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ingress.streams.relay import Relay
    from penstock.settings import IngressSettings

#: How late a head or a ping may be, at most.
_LONGEST_TICK_S = 0.5


class KeepAlive:
    """Serves the listeners of one relay."""

    def __init__(self, relay: Relay, limits: IngressSettings) -> None:
        self._relay = relay
        self._head_after_s = limits.stream_head_after_s
        self._ping_s = limits.ping_s

    async def run(self) -> None:
        """Serve until cancelled."""
        tick_s = min(self._head_after_s / 4, self._ping_s / 4, _LONGEST_TICK_S)
        while True:
            await asyncio.sleep(tick_s)
            now_s = time.monotonic()
            for listener in list(self._relay):
                try:
                    listener.keep_alive(now_s, self._head_after_s, self._ping_s)
                except Exception as error:  # noqa: BLE001 - whatever it is, it is this listener's alone
                    self._relay.fail(listener, error)
