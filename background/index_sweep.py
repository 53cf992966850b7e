"""Strikes jobs off their tenants' lists whose records are gone: a list that nobody reads would keep them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from penstock.broker import job_index, ledger
from penstock.errors import BrokerDataError, BrokerError
from penstock.usage import DAY_MS, day_of, usage_of

if TYPE_CHECKING:
    from penstock.broker.client import Broker

TASK = "index_sweep"
EVERY_S = 30
#: Jobs of one list that are looked at in one round trip, and pages of it in one pass.
_PAGE = 200
_MOST_PAGES = 20
#: A list gets jobs from those whose jobs end: of these days, and it is gone itself soon after its last.
_DAYS = 2


class IndexSweep:
    """Looks at the oldest jobs of each list, as long as they are gone."""

    def __init__(self, broker: Broker, pools: Sequence[str]) -> None:
        self._broker = broker
        self._pools = pools

    async def once(self) -> None:
        """One pass; a pool that cannot be reached has none."""
        for pool in self._pools:
            try:
                for tenant in await self._tenants(pool):
                    # Whoever asks for that list is told what is wrong with it.
                    with suppress(BrokerDataError):
                        await self._list(pool, tenant)
            except BrokerError:
                continue

    async def _tenants(self, pool: str) -> set[str]:
        now_ms = time.time_ns() // 1_000_000
        days = [day_of(now_ms - number * DAY_MS) for number in range(_DAYS)]
        stored = await self._broker.ask_many([ledger.usage(pool, day) for day in days])
        return {line.tenant for of_day in stored for line in usage_of(of_day)}

    async def _list(self, pool: str, tenant: str) -> None:
        for _ in range(_MOST_PAGES):
            oldest = await self._broker.ask(job_index.oldest(pool, tenant, _PAGE))
            found = await self._broker.ask_many([job_index.listed(pool, one) for one in oldest]) if oldest else []
            gone = [one for one, job in zip(oldest, found, strict=True) if job is None]
            if gone:
                await self._broker.ask(job_index.forget(pool, tenant, gone))
            # Lives differ in length: some that are there may be among those that are gone, but hardly a page of them.
            if len(gone) < _PAGE / 2:
                return
