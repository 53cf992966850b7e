"""What this process knows of its pools without asking: which of them fail, and whose leader has other settings."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING

from penstock.broker.records import leaders_settings, pool_status
from penstock.errors import BrokerError
from penstock.settings.shared import SharedSettings
from penstock.telemetry import events, logs

if TYPE_CHECKING:
    from penstock.broker.client import Broker
    from penstock.settings import PoolSettings

_EVERY_S = 1.0

log = logs.get()


class PoolWatch:
    """Looks at each pool now and then."""

    def __init__(self, broker: Broker, pools: Mapping[str, PoolSettings]) -> None:
        self._broker = broker
        self._pools = pools
        self._shared = {name: SharedSettings.of(pool) for name, pool in pools.items()}
        self._failing: dict[str, str] = {}
        #: What was said of a leader's settings that are not ours.
        self._differences: dict[str, str] = {}

    async def run(self) -> None:
        """Serve until cancelled."""
        while True:
            for name in self._pools:
                try:
                    await self._look(name)
                except BrokerError:
                    # What cannot be known is not held against the pool.
                    self._failing.pop(name, None)
            await asyncio.sleep(_EVERY_S)

    def reason_to_refuse(self, pool: str) -> str:
        """Why a request for that pool would wait in vain; "" where it would not, or is to wait all the same."""
        return self._failing.get(pool, "") if self._pools[pool].refuse_when_failing else ""

    async def _look(self, name: str) -> None:
        status = await pool_status(self._broker, name)
        self._failing[name] = status.failing
        difference = self._shared[name].difference(await self._broker.ask(leaders_settings(name)))
        if difference and difference != self._differences.get(name):
            log.warning(events.SETTINGS_DIFFER, pool=name, settings=difference)
        self._differences[name] = difference
