"""Makes a webhook delivery for each receiver of each ended job; the ledger goes on only after they are recorded."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from background.delivering import SWEEP_AFTER_S, TASK
from background.destinations import LONGEST_WAIT_S
from background.unreadable import UnreadableTenants
from penstock.broker import webhooks
from penstock.errors import BrokerUnavailableError
from penstock.telemetry import events, logs, metrics
from penstock.usage import DAY_MS
from penstock.webhooks.delivery import Destination, NewDelivery
from penstock.webhooks.event import Event, EventType, ended, event_type
from penstock.webhooks.request import decode_target
from penstock.webhooks.subscription import FOR_JOBS, Subscription

if TYPE_CHECKING:
    from background.task_queue import TaskQueue
    from penstock.broker.client import Broker
    from penstock.broker.script import Call
    from penstock.ledger import Entry
    from penstock.settings import WebhookSettings

#: The most deliveries that are made at once, unless the first entry alone makes more.
MOST_AT_ONCE = 500
#: How long arq keeps a task: longer than the default schedule takes. The sweep finds what is lost.
_MOST_KEPT_S = 7 * 24 * 3600
#: What is due and waits in arq for longer than a host lets wait was asked for again in the middle of a long pause.
_LONGEST_WAIT_S = 1.5 * LONGEST_WAIT_S

Planned = tuple["Entry", Sequence[Destination]]

_log = logs.get()


class HandOver:
    """Makes deliveries of ends for this process."""

    def __init__(self, broker: Broker, queue: TaskQueue, settings: WebhookSettings) -> None:
        self._broker = broker
        self._queue = queue
        self._settings = settings
        #: Tenants whose deliveries are being left out, each of which is logged once.
        self._full: set[str] = set()
        self._unreadable = UnreadableTenants(events.WEBHOOKS_UNREADABLE)
        #: Tenants of whom a job had a webhook that cannot be read: told once.
        self._unreadable_of_jobs: set[str] = set()
        self._is_away = False

    async def take(self, pool: str, entries: Sequence[Entry]) -> int:
        """Record and queue the deliveries of the first entries; returns how many entries these are.

        Any process may do so again for the same entries: a delivery that is recorded already stays as it is.
        Raises BrokerUnavailableError, BrokerDataError.
        """
        subscriptions = await self._subscriptions({entry.tenant for entry in entries})
        unreadable = set[str]()
        plans = [(one, _receivers(one, subscriptions.get(one.tenant, ()), unreadable)) for one in entries]
        planned, taken = first_of(plans, MOST_AT_ONCE)
        if planned:
            await self._record(pool, planned)
        self._note_unreadable(pool, [one for one in entries[:taken] if one.job in unreadable])
        return taken

    async def tell(self, tenant: str, event: Event) -> None:
        """Record and queue the deliveries of an event that is no job's to all who want it; as often as you like.

        Raises BrokerUnavailableError, BrokerDataError.
        """
        known = (await self._subscriptions({tenant})).get(tenant, ())
        receivers = _wanting(event.type, known)
        if receivers:
            await self._record_all([(tenant, NewDelivery(event, "", one)) for one in receivers])

    async def put(self, tenant: str, delivery_id: str) -> bool:
        """Put a delivery that is due into the queue, unless it is there. Raises BrokerUnavailableError."""
        return await self._queue.put(
            *(TASK, tenant, delivery_id), task_id=delivery_id, keep_s=_MOST_KEPT_S, within_s=_LONGEST_WAIT_S
        )

    async def _subscriptions(self, tenants: set[str]) -> Mapping[str, Sequence[Subscription]]:
        """Subscriptions by tenant; a tenant whose subscriptions cannot be read has none, and delays no other."""
        names = sorted(tenants)
        if not names:
            return {}
        answers = await self._broker.ask_each([webhooks.subscriptions(tenant) for tenant in names])
        found = dict[str, Sequence[Subscription]]()
        for tenant, answer in zip(names, answers, strict=True):
            if isinstance(answer, Exception):
                self._unreadable.met(tenant, answer)
            else:
                self._unreadable.read(tenant)
                found[tenant] = list(answer.values())
        return found

    async def _record(self, pool: str, planned: Sequence[Planned]) -> None:
        records = await self._broker.ask_each([webhooks.metadata(pool, entry.job) for entry, _ in planned])
        deliveries = list[tuple[str, NewDelivery]]()
        for (entry, destinations), record in zip(planned, records, strict=True):
            event = ended(pool, entry, _metadata(entry, record))
            deliveries += [(entry.tenant, NewDelivery(event, entry.job, one)) for one in destinations]
        await self._record_all(deliveries)

    async def _record_all(self, deliveries: Sequence[tuple[str, NewDelivery]]) -> None:
        now_ms = time.time_ns() // 1_000_000
        # Before they are recorded: the sweep must know where to look.
        tenants = sorted({tenant for tenant, _ in deliveries})
        await self._broker.run_many([webhooks.touch(tenant, now_ms) for tenant in tenants])
        answers = await self._broker.run_many([self._recording(tenant, new) for tenant, new in deliveries])
        recorded = [one for one, answer in zip(deliveries, answers, strict=True) if answer != "full"]
        self._note_full({tenant for (tenant, _), answer in zip(deliveries, answers, strict=True) if answer == "full"})
        metrics.WEBHOOKS_LEFT_OUT.inc(len(deliveries) - len(recorded))
        metrics.WEBHOOKS_HANDED_OVER.inc(answers.count("recorded"))
        await self._put_all(recorded)

    def _recording(self, tenant: str, new: NewDelivery) -> Call[str]:
        return webhooks.record(
            tenant,
            new,
            sweep_after_ms=round(SWEEP_AFTER_S * 1000),
            most_pending=self._settings.max_pending,
            most_logged=self._settings.max_logged,
            keep_ms=(self._settings.log_days + 1) * DAY_MS,
        )

    async def _put_all(self, deliveries: Sequence[tuple[str, NewDelivery]]) -> None:
        """Put recorded deliveries into the queue. While arq's Redis is away they are left to the sweep."""
        puts = [self.put(tenant, new.id) for tenant, new in deliveries]
        failures = [one for one in await asyncio.gather(*puts, return_exceptions=True) if isinstance(one, Exception)]
        for failure in failures:
            if not isinstance(failure, BrokerUnavailableError):
                raise failure
        metrics.WEBHOOKS_NOT_QUEUED.inc(len(failures))
        if failures and not self._is_away:
            _log.warning(events.WEBHOOKS_NOT_QUEUED, deliveries=len(failures), why=str(failures[0]))
        self._is_away = bool(failures)

    def _note_unreadable(self, pool: str, entries: Sequence[Entry]) -> None:
        """Nobody is told of their ends by their own webhooks."""
        metrics.WEBHOOKS_UNREADABLE.inc(len(entries))
        for entry in entries:
            if entry.tenant not in self._unreadable_of_jobs:
                self._unreadable_of_jobs.add(entry.tenant)
                _log.error(events.JOB_WEBHOOK_UNREADABLE, tenant=entry.tenant, pool=pool, job=entry.job)

    def _note_full(self, tenants: set[str]) -> None:
        for tenant in sorted(tenants - self._full):
            _log.error(events.WEBHOOKS_LEFT_OUT, tenant=tenant, max_pending=self._settings.max_pending)
        self._full = tenants


def first_of(planned: Sequence[Planned], most: int) -> tuple[Sequence[Planned], int]:
    """Take the first entries that make at most `most` deliveries together, but at least one entry.

    Returns those that have receivers, and how many entries were taken.
    """
    count = taken = 0
    for _, destinations in planned:
        if taken and count + len(destinations) > most:
            break
        count += len(destinations)
        taken += 1
    return [one for one in planned[:taken] if one[1]], taken


def _receivers(entry: Entry, subscriptions: Sequence[Subscription], unreadable: set[str]) -> Sequence[Destination]:
    """All who are to hear of an end; a job whose own webhook cannot be read is put among the unreadable."""
    receivers = list[Destination]()
    try:
        receivers += _of_job(entry)
    except msgspec.DecodeError:
        unreadable.add(entry.job)
    if not entry.batch:  # Its receivers are told of the batch.
        receivers += _wanting(event_type(entry), subscriptions)
    return receivers


def _wanting(kind: EventType, subscriptions: Sequence[Subscription]) -> list[Destination]:
    """Who is to hear of such an event because of a subscription."""
    return [Destination(url=one.url, subscription=one.id) for one in subscriptions if one.wants(kind)]


def _of_job(entry: Entry) -> Iterator[Destination]:
    """Who is to hear of an end because its job says so. Raises msgspec.DecodeError."""
    if entry.webhook:
        target = decode_target(entry.webhook)
        if target.wants(event_type(entry)):
            yield Destination(url=target.url, subscription=FOR_JOBS, secret=target.secret or "")


def _metadata(entry: Entry, record: tuple[str, str] | Exception | None) -> Mapping[str, str] | None:
    """The job's metadata; None where its record is gone, was erased or belongs to a later run."""
    if record is None or isinstance(record, Exception) or record[0] != str(entry.fence):
        return None
    return msgspec.json.decode(record[1], type=dict[str, str]) if record[1] else {}
