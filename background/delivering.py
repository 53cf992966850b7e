"""Makes the attempts of deliveries: one task of arq is one delivery, run again until it has ended."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from background.destinations import Destinations
from background.sending import Answer, Sender
from background.task_queue import again_after
from penstock.broker import observing, webhooks
from penstock.errors import BrokerUnavailableError
from penstock.telemetry import events, logs, metrics
from penstock.usage import DAY_MS
from penstock.webhooks.delivery import FINAL, Attempt, AttemptOutcome, Delivery, DeliveryState
from penstock.webhooks.schedule import pause_s
from penstock.webhooks.signature import signed_headers
from penstock.webhooks.subscription import FOR_JOBS, SubscriptionState

if TYPE_CHECKING:
    from penstock.broker.client import Broker
    from penstock.settings import WebhookSettings
    from penstock.webhooks.subscription import Subscription

TASK = "deliver"
#: How long an attempt may take besides its HTTP request: some round trips to Redis.
_BESIDES_S = 10.0
#: The sweep puts an attempt that is overdue by this much into the queue again.
SWEEP_AFTER_S = 30.0
#: The pause before the next try while Redis is out of reach.
_AWAY_PAUSE_S = 2.0
#: How often arq starts one task before it drops it; waiting for a host counts, too. The sweep finds what is dropped.
MAX_TRIES = 200
#: How long a task waits for a place of its host before it goes back.
_PATIENCE_S = 0.25
_TOLD_EVERY_S = 600.0
_MOST_TOLD = 1000

_log = logs.get()


class Delivering:
    """Makes attempts for this process."""

    def __init__(
        self,
        broker: Broker,
        settings: WebhookSettings,
        sender: Sender,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._broker = broker
        self._settings = settings
        self._sender = sender
        self._chance = chance
        #: By host: until when no further failure of it is told.
        self._silent_until_s: dict[str, float] = {}
        #: Tasks that sleep until their host has room; bounded, so that the others find a free task.
        self._waiting = 0
        self._most_waiting = settings.max_in_flight // 4
        self._destinations = Destinations(
            per_host=settings.max_in_flight_per_host, per_tenant=max(settings.max_in_flight // 2, 1)
        )

    @property
    def task_timeout_s(self) -> float:
        """The longest that one run of a task takes."""
        return self._settings.timeout_s + _BESIDES_S

    async def attempt(self, tenant: str, delivery_id: str) -> None:
        """Make the next attempt if it is due. Raises arq's Retry where another is to follow."""
        try:
            delivery, subscription, now_ms = await self._read(tenant, delivery_id)
            if delivery is None:
                await self._broker.ask(webhooks.drop(tenant, delivery_id))
                return
            if delivery.state is not DeliveryState.PENDING:
                return
            if delivery.next_ms > now_ms:
                raise again_after((delivery.next_ms - now_ms) / 1000)
            begun_ms = now_ms
            answer, took_ms = await self._answer(tenant, delivery, subscription, now_ms)
            await self._note(tenant, delivery, subscription, answer, begun_ms, took_ms)
        except BrokerUnavailableError:
            # What was sent and could not be written down is sent again: at least once.
            raise again_after(_AWAY_PAUSE_S * (1 + self._chance())) from None

    async def _read(self, tenant: str, delivery_id: str) -> tuple[Delivery | None, Subscription | None, int]:
        delivery, subscription, now_ms = await self._broker.ask_each(
            [
                webhooks.delivery(tenant, delivery_id),
                webhooks.subscription(tenant, delivery_id.rpartition("-")[2]),
                observing.clock_ms(),
            ]
        )
        if isinstance(delivery, Exception):
            raise delivery
        if isinstance(subscription, Exception):
            # A delivery with a secret of its own needs no subscription.
            if delivery is not None and not delivery.destination.secret:
                raise subscription
            subscription = None
        return delivery, subscription, now_ms

    async def _answer(
        self, tenant: str, delivery: Delivery, subscription: Subscription | None, now_ms: int
    ) -> tuple[Answer, int]:
        """Send the delivery unless its subscription is gone or disabled; returns the answer and how many ms it took."""
        own = delivery.destination.secret
        if not own and (subscription is None or subscription.state is SubscriptionState.DISABLED):
            return Answer(AttemptOutcome.UNWANTED, error=_unwanted(subscription)), 0
        secrets = (own,) if own or subscription is None else subscription.secrets_at(now_ms)
        url = delivery.destination.url
        await self._enter(url, tenant)
        begun_s = time.monotonic()
        answer = Answer(AttemptOutcome.UNREACHABLE)
        try:
            headers = signed_headers(delivery.event, int(time.time()), delivery.body, secrets)
            answer = await self._sender.send(url, headers, delivery.body)
        finally:
            took_s = time.monotonic() - begun_s
            has_timed_out = answer.outcome is AttemptOutcome.TIMED_OUT
            self._destinations.leave(url, tenant, took_s, has_timed_out=has_timed_out)
        return answer, round(took_s * 1000)

    async def _enter(self, url: str, tenant: str) -> None:
        """Count an attempt against its host and tenant until `leave`. Raises arq's Retry while there is no room."""
        wait_s = self._destinations.enter(url, tenant, time.monotonic())
        if 0 < wait_s <= _PATIENCE_S and self._waiting < self._most_waiting:
            # To put the task back and take it up again costs as much as the attempt itself.
            self._waiting += 1
            try:
                await asyncio.sleep(wait_s)
            finally:
                self._waiting -= 1
            wait_s = self._destinations.enter(url, tenant, time.monotonic())
        if wait_s > 0:
            raise again_after(wait_s * (1 + self._chance() / 4))

    async def _note(
        self,
        tenant: str,
        delivery: Delivery,
        subscription: Subscription | None,
        answer: Answer,
        begun_ms: int,
        took_ms: int,
    ) -> None:
        wait_s = None
        if answer.outcome not in FINAL:
            made = delivery.attempts_of_schedule + 1
            wait_s = pause_s(made, self._settings.retry_s, self._chance(), answer.retry_after_s)
        state = _state_after(answer, wait_s)
        pause_ms = round((wait_s or 0) * 1000)
        attempt = Attempt(
            number=delivery.attempts + 1,
            at_ms=begun_ms,
            outcome=answer.outcome,
            status=answer.status,
            error=answer.error,
            took_ms=took_ms,
            next_ms=begun_ms + took_ms + pause_ms if wait_s is not None else 0,
        )
        call = webhooks.note(
            tenant,
            delivery,
            attempt,
            state,
            pause_ms=pause_ms,
            sweep_after_ms=round(SWEEP_AFTER_S * 1000),
            keep_ms=self._settings.log_days * DAY_MS,
        )
        # The tenant's secret for jobs is used for many URLs: one URL's 410 must not disable it.
        is_standing = subscription is not None and subscription.id != FOR_JOBS
        if answer.outcome is AttemptOutcome.GONE and subscription is not None and is_standing:
            await self._disable(tenant, subscription, delivery)
        reply = await self._broker.run(call)
        metrics.WEBHOOK_ATTEMPTS.labels(answer.outcome).inc()
        if reply == "anew":
            raise again_after(0)
        is_noted = reply == "noted"
        if state is not DeliveryState.PENDING and is_noted:
            metrics.WEBHOOK_DELIVERIES.labels(state).inc()
            if state is DeliveryState.FAILED:
                self._tell(tenant, delivery, attempt)
        if wait_s is not None and is_noted:
            raise again_after(wait_s)

    def _tell(self, tenant: str, delivery: Delivery, last: Attempt) -> None:
        """Log a failed delivery, once in a while for each host: all of a host fail together."""
        host, now_s = urlsplit(delivery.destination.url).netloc, time.monotonic()
        if now_s < self._silent_until_s.get(host, 0.0):
            return
        if len(self._silent_until_s) >= _MOST_TOLD:
            self._silent_until_s.clear()
        self._silent_until_s[host] = now_s + _TOLD_EVERY_S
        why = last.error or f"status {last.status}"
        about = {"tenant": tenant, "delivery": delivery.id, "host": host, "attempts": last.number, "why": why}
        _log.warning(events.WEBHOOK_FAILED, **about)

    async def _disable(self, tenant: str, subscription: Subscription, delivery: Delivery) -> None:
        """Disable a subscription after a 410; if its owner changes it meanwhile, the owner's change stays."""
        after = subscription.disabled(f"410 Gone, for {delivery.event}")
        done = await self._broker.run(webhooks.put(tenant, subscription, after, self._settings.max_subscriptions))
        if done == "put":
            _log.warning(events.WEBHOOK_DISABLED, tenant=tenant, subscription=subscription.id)


def _state_after(answer: Answer, wait_s: float | None) -> DeliveryState:
    if answer.outcome is AttemptOutcome.DELIVERED:
        return DeliveryState.DELIVERED
    return DeliveryState.FAILED if wait_s is None else DeliveryState.PENDING


def _unwanted(subscription: Subscription | None) -> str:
    return (
        "its subscription was deleted"
        if subscription is None
        else f"its subscription is disabled: {subscription.reason}"
    )
