"""Reads the ledger of one pool: one process at a time, by a lease, and each entry once whoever reads."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from penstock.broker import ledger, observing
from penstock.broker.repeating import repeat, rest
from penstock.broker.trouble import Duty, Trouble
from penstock.errors import BrokerUnavailableError
from penstock.telemetry import events, logs, metrics
from penstock.usage import DAY_MS, counts

if TYPE_CHECKING:
    from background.hand_over import HandOver
    from penstock.broker.client import Broker
    from penstock.broker.contact import Contact
    from penstock.broker.ledger import Page
    from penstock.settings import BackgroundSettings

#: Entries applied in one script: a short one, for nothing else runs meanwhile.
_PAGE = 500
#: The lease is renewed this many times within its length.
_RENEWALS_PER_TTL = 3

log = logs.get()


class LedgerReader:
    """This process's candidacy for the ledger of one pool."""

    def __init__(
        self,
        broker: Broker,
        contact: Contact,
        pool: str,
        settings: BackgroundSettings,
        token: str,
        hand_over: HandOver,
    ) -> None:
        self._broker = broker
        self._contact = contact
        self._pool = pool
        self._hand_over = hand_over
        self._token = token
        self._ttl_ms = round(settings.lease_ttl_s * 1000)
        self._renew_every_s = settings.lease_ttl_s / _RENEWALS_PER_TTL
        self._keep_ms = settings.usage_days * DAY_MS
        self._tick_s = settings.tick_s
        self._stopping = asyncio.Event()
        self._has_lease = False
        self._renew_at_s = 0.0

    async def run(self) -> None:
        """Read until stopped."""
        await repeat(self._stopping, self._look, Trouble(self._broker, self._pool, Duty.LEDGER), pause_s=self._tick_s)

    def stop(self) -> None:
        """End after the page in hand."""
        self._stopping.set()

    async def _look(self) -> None:
        try:
            await self._once()
        except BrokerUnavailableError as error:
            self._contact.lost(self._pool, str(error))
            raise
        self._contact.back(self._pool)

    async def _once(self) -> None:
        """Apply all there is, if it is ours to do."""
        while not self._stopping.is_set() and await self._leads():
            cursor = await self._broker.ask(ledger.cursor(self._pool))
            page = await self._broker.ask(ledger.after(self._pool, cursor, _PAGE))
            await self._measure(page)
            if not page.last:
                return
            # First what leaves this pool, which may be done twice; then the cursor moves, once.
            page = page.first(await self._hand_over.take(self._pool, page.entries))
            if not await self._apply(page, cursor):
                # Another reads: it has the lease, or had it a moment ago.
                await rest(self._stopping, self._tick_s)

    async def _leads(self) -> bool:
        now_s = time.monotonic()
        if not self._has_lease or now_s >= self._renew_at_s:
            had, self._has_lease = self._has_lease, False
            self._has_lease = await self._broker.run(ledger.lead(self._pool, self._token, self._ttl_ms))
            self._renew_at_s = now_s + self._renew_every_s
            if self._has_lease and not had:
                log.info(events.LEDGER_TAKEN, pool=self._pool)
        return self._has_lease

    async def _apply(self, page: Page, cursor: str) -> bool:
        for entry in page.unreadable:
            log.error(events.LEDGER_UNREADABLE, pool=self._pool, entry=entry)
        reply = await self._broker.run(
            ledger.apply(
                self._pool,
                self._token,
                before=cursor,
                last=page.last,
                counts=counts(page.entries),
                keep_ms=self._keep_ms,
                batches=page.batches,
            )
        )
        self._has_lease = self._has_lease and reply != "not_leader"
        if reply != "applied":
            return False
        metrics.LEDGER_APPLIED.labels(self._pool).inc(len(page.entries))
        metrics.LEDGER_UNREADABLE.labels(self._pool).inc(len(page.unreadable))
        return True

    async def _measure(self, page: Page) -> None:
        """How far it is behind, in entries and in time."""
        waiting, lag_s = 0, 0.0
        if page.entries:
            waiting, now_ms = await self._broker.ask_many([ledger.length(self._pool), observing.clock_ms()])
            lag_s = max(now_ms - page.entries[0].finished_ms, 0) / 1000
        metrics.LEDGER_WAITING.labels(self._pool).set(waiting)
        metrics.LEDGER_LAG_SECONDS.labels(self._pool).set(lag_s)
