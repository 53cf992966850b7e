"""Finds deliveries that arq should have and has not: lost with its keys, or by a crash between two steps."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING

from background.unreadable import UnreadableTenants
from penstock.broker import observing, webhooks
from penstock.broker.webhooks import Overdue
from penstock.errors import BrokerError
from penstock.telemetry import events, metrics

if TYPE_CHECKING:
    from background.hand_over import HandOver
    from penstock.broker.client import Broker

TASK = "sweep"
EVERY_S = 5
#: Of a tenant's overdue deliveries in one pass: a page of all, and the newest, which may be waited for (a test).
_PAGE = 200
_NEWEST = 50
#: A tenant that had nothing to deliver for so long is looked after no more, until there is something.
_IDLE_MS = 3600 * 1000


class Sweep:
    """Looks through pending deliveries, some of each tenant in a pass, and all of them in time."""

    def __init__(self, broker: Broker, hand_over: HandOver) -> None:
        self._broker = broker
        self._hand_over = hand_over
        self._unreadable = UnreadableTenants(events.WEBHOOKS_UNREADABLE)
        #: By tenant, how many of the overdue ones were looked at in this round.
        self._skip: dict[str, int] = {}

    async def once(self) -> None:
        """One pass; while Redis is away there is none. Who cannot be read holds up nobody else."""
        found = list[Overdue]()
        try:
            tenants, now_ms = await self._broker.ask_many([webhooks.tenants(), observing.clock_ms()])
            for tenant in tenants:
                with self._unreadable.of(tenant):
                    found.append(await self._tenant(tenant, now_ms))
        except BrokerError:
            return
        metrics.WEBHOOKS_PENDING.set(sum(one.pending for one in found))
        firsts = [one.first_ms for one in found if one.first_ms is not None]
        metrics.WEBHOOKS_OVERDUE_SECONDS.set(max(now_ms - min(firsts, default=now_ms), 0) / 1000)

    async def _tenant(self, tenant: str, now_ms: int) -> Overdue:
        skip = self._skip.get(tenant, 0)
        queries = webhooks.overdue(tenant, now_ms, skip=skip, count=_PAGE, newest=_NEWEST)
        overdue = webhooks.overdue_of(await self._broker.ask_many(queries))
        self._skip[tenant] = skip + _PAGE if len(overdue.page) == _PAGE else 0
        metrics.WEBHOOKS_FOUND_AGAIN.inc(await self._put(tenant, dict.fromkeys(chain(overdue.newest, overdue.page))))
        if not overdue.pending:
            # By this machine's clock, as who makes a tenant known goes by its own.
            before_ms = time.time_ns() // 1_000_000 - _IDLE_MS
            await self._broker.run(webhooks.forget_tenant(tenant, before_ms))
        return overdue

    async def _put(self, tenant: str, ids: Sequence[str] | Mapping[str, None]) -> int:
        return sum([await self._hand_over.put(tenant, one) for one in ids])
