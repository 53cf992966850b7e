"""Webhooks as clients ask for them: where a job's end is told, and a tenant's standing subscriptions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from penstock.broker import observing, webhooks
from penstock.errors import InvalidRequestError, NotFoundError, OverloadedError
from penstock.usage import DAY_MS
from penstock.webhooks.address import networks_of
from penstock.webhooks.delivery import Destination, NewDelivery
from penstock.webhooks.event import EventType, test_event
from penstock.webhooks.request import Target, check_address, target_of
from penstock.webhooks.signature import new_secret
from penstock.webhooks.subscription import FOR_JOBS, Subscription, new_subscription_id

if TYPE_CHECKING:
    from collections.abc import Sequence

    from penstock.broker.client import Broker
    from penstock.settings import Settings
    from penstock.webhooks.delivery import Delivery
    from penstock.webhooks.request import SubscriptionRequest


def job_target(webhook: Any, settings: Settings) -> Target | None:
    """Where a job's end is told, None for nowhere. Raises InvalidRequestError."""
    if webhook is None:
        return None
    target = target_of(webhook)
    check_address(target.url, networks_of(settings.webhooks.allowed_networks), "webhook.url")
    return target


def needs_job_secret(target: Target | None) -> bool:
    """Whether what is sent there is signed by the tenant's secret for jobs."""
    return target is not None and target.secret is None


async def has_job_secret(broker: Broker, tenant: str) -> bool:
    """Whether the tenant has a secret that signs for jobs which bring none. Raises BrokerError."""
    return await broker.ask(webhooks.subscription(tenant, FOR_JOBS)) is not None


def no_job_secret() -> InvalidRequestError:
    """Nothing would sign what is sent."""
    return InvalidRequestError(
        "webhook: nothing signs it. Make your secret for jobs with POST /v1/webhooks/jobs/rotate, or give one as "
        "webhook.secret (whsec_ and 24 to 64 bytes in base64).",
        param="webhook.secret",
    )


class Subscriptions:
    """The subscriptions of one tenant. Every method raises BrokerError."""

    def __init__(self, broker: Broker, tenant: str, settings: Settings) -> None:
        self._broker = broker
        self._tenant = tenant
        self._settings = settings
        # One more than can be made: the tenant's secret for jobs takes nobody's place.
        self._most = settings.webhooks.max_subscriptions + 1

    async def all(self) -> Sequence[Subscription]:
        """Oldest first."""
        found = await self._broker.ask(webhooks.subscriptions(self._tenant))
        return sorted(found.values(), key=lambda one: (one.created_ms, one.id))

    async def get(self, subscription_id: str) -> Subscription:
        """One of them. Raises NotFoundError."""
        found = await self._broker.ask(webhooks.subscription(self._tenant, subscription_id))
        if found is None:
            raise NotFoundError(f"There is no webhook {subscription_id[:100]!r}.", param="webhook_id")
        return found

    async def make(self, asked: SubscriptionRequest) -> Subscription:
        """A new one. Raises InvalidRequestError."""
        check_address(asked.url, networks_of(self._settings.webhooks.allowed_networks), "url")
        made = Subscription(
            id=new_subscription_id(),
            url=asked.url,
            events=tuple(EventType(event) for event in asked.events or ()),
            description=asked.description or "",
            secret=new_secret(),
            created_ms=await self._broker.ask(observing.clock_ms()),
        )
        most = self._most if await has_job_secret(self._broker, self._tenant) else self._most - 1
        if await self._broker.run(webhooks.put(self._tenant, None, made, most)) == "full":
            raise InvalidRequestError(
                f"There are {self._most - 1} webhooks already, as many as the operator allows "
                "(webhooks.max_subscriptions): delete one that is not needed."
            )
        return made

    async def rotate(self, subscription_id: str) -> Subscription:
        """Give one a new secret; the one for jobs is made where there is none. Raises NotFoundError."""
        grace_ms = round(self._settings.webhooks.rotation_grace_s * 1000)
        while True:
            is_new = False
            now_ms = await self._broker.ask(observing.clock_ms())
            before = await self._broker.ask(webhooks.subscription(self._tenant, subscription_id))
            if before is None and subscription_id == FOR_JOBS:
                is_new = True
                after = Subscription(id=FOR_JOBS, url="", secret=new_secret(), created_ms=now_ms)
            else:
                before = before or await self.get(subscription_id)
                after = before.rotated(new_secret(), now_ms, grace_ms)
            most = self._most if is_new else 0
            if await self._broker.run(webhooks.put(self._tenant, before, after, most)) == "put":
                return after

    async def enable(self, subscription_id: str) -> Subscription:
        """Have events sent there again, if a 410 had disabled it. Raises NotFoundError."""
        while True:
            before = await self.get(subscription_id)
            after = before.enabled()
            if await self._broker.run(webhooks.put(self._tenant, before, after, 0)) == "put":
                return after

    async def delete(self, subscription_id: str) -> Subscription:
        """Delete one; returns what it was. Raises NotFoundError."""
        while True:
            before = await self.get(subscription_id)
            if await self._broker.run(webhooks.delete(self._tenant, before)) == "put":
                return before

    async def test(self, subscription_id: str) -> Delivery:
        """Have a test event delivered. Raises NotFoundError, InvalidRequestError, OverloadedError."""
        to = await self.get(subscription_id)
        if to.id == FOR_JOBS:
            raise InvalidRequestError("This secret has no URL of its own: submit a job with a webhook.")
        limits = self._settings.webhooks
        now_ms = await self._broker.ask(observing.clock_ms())
        new = NewDelivery(test_event(to.id, now_ms), "", Destination(url=to.url, subscription=to.id))
        await self._broker.run(webhooks.touch(self._tenant, now_ms))
        call = webhooks.record(
            self._tenant,
            new,
            # For the next sweep to find.
            sweep_after_ms=0,
            most_pending=limits.max_pending,
            most_logged=limits.max_logged,
            keep_ms=(limits.log_days + 1) * DAY_MS,
        )
        if await self._broker.run(call) == "full":
            raise OverloadedError("Too many of your deliveries are pending (webhooks.max_pending).")
        found = await self._broker.ask(webhooks.delivery(self._tenant, new.id))
        if found is None:
            raise NotFoundError(f"There is no delivery {new.id!r} any more.")
        return found
