"""Subscriptions and deliveries as their tenant may see them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from penstock.webhooks.delivery import AttemptOutcome, DeliveryState
from penstock.webhooks.event import EventType
from penstock.webhooks.subscription import FOR_JOBS, SubscriptionState

if TYPE_CHECKING:
    from penstock.webhooks.delivery import Attempt, Delivery
    from penstock.webhooks.subscription import Subscription

_Seconds = Annotated[int, Meta(ge=0, description="Unix seconds.")]
_PerhapsSeconds = Annotated[int | None, Meta(description="Unix seconds; null for never.")]


class WebhookObject(Struct, kw_only=True):
    """A subscription to the ends of its tenant's jobs; `jobs` is the secret for URLs that jobs bring along."""

    id: str
    object: Literal["webhook"]
    url: Annotated[str | None, Meta(description="Where events are sent; null for `jobs`.")]
    events: Annotated[Sequence[EventType] | None, Meta(description="Those that are sent; null for all.")]
    description: str
    state: SubscriptionState
    reason: Annotated[str | None, Meta(description="Why it is disabled.")]
    created_at: _Seconds
    rotated_at: _PerhapsSeconds
    old_secret_until: Annotated[int | None, Meta(description="Until when the secret before the last signs, too.")]
    secret: Annotated[str | UnsetType, Meta(description="What signs; shown when it was just made.")] = UNSET


class WebhookList(Struct, kw_only=True):
    """All of a tenant's subscriptions."""

    object: Literal["list"]
    data: list[WebhookObject]
    has_more: Literal[False]


class DeletedWebhook(Struct, kw_only=True):
    """A subscription that is no more."""

    id: str
    object: Literal["webhook"]
    deleted: Literal[True]


class AttemptObject(Struct, kw_only=True):
    """One attempt to deliver."""

    number: Annotated[int, Meta(ge=1)]
    at: _Seconds
    outcome: AttemptOutcome
    status: Annotated[int | None, Meta(description="Of the answer, if there was one.")]
    error: Annotated[str | None, Meta(description="What went wrong, or the beginning of the answer.")]
    took_ms: Annotated[int, Meta(ge=0)]
    next_attempt_at: _PerhapsSeconds


class DeliveryObject(Struct, kw_only=True):
    """One event on its way to one receiver."""

    id: str
    object: Literal["webhook.delivery"]
    event_id: Annotated[str, Meta(description="The `webhook-id`: the same in each attempt, and to each receiver.")]
    type: EventType
    job_id: str | None
    webhook_id: str
    url: str
    state: DeliveryState
    attempt_count: Annotated[int, Meta(ge=0)]
    created_at: _Seconds
    next_attempt_at: _PerhapsSeconds
    ended_at: _PerhapsSeconds
    attempts: Annotated[list[AttemptObject], Meta(description="The newest, oldest first.")]
    payload: Annotated[Any, Meta(description="What is sent; told of one delivery, not in lists.")] = UNSET


class DeliveryList(Struct, kw_only=True):
    """A page of the log."""

    object: Literal["list"]
    data: list[DeliveryObject]
    has_more: bool
    next: Annotated[str | None, Meta(description="What `after` is for the next page; null on the last.")]


def webhook_object(subscription: Subscription, *, shows_secret: bool = False) -> WebhookObject:
    """The `webhook` object; its secret is shown when it has just been made, and never again."""
    return WebhookObject(
        id=subscription.id,
        object="webhook",
        url=subscription.url if subscription.id != FOR_JOBS else None,
        events=list(subscription.events) or None,
        description=subscription.description,
        state=subscription.state,
        reason=subscription.reason or None,
        created_at=subscription.created_ms // 1000,
        rotated_at=_seconds(subscription.rotated_ms),
        old_secret_until=_seconds(max((one.until_ms for one in subscription.old_secrets), default=0)),
        secret=subscription.secret if shows_secret else UNSET,
    )


def delivery_object(delivery: Delivery, *, shows_payload: bool = False) -> DeliveryObject:
    """The `webhook.delivery` object."""
    return DeliveryObject(
        id=delivery.id,
        object="webhook.delivery",
        event_id=delivery.event,
        type=delivery.type,
        job_id=delivery.job or None,
        webhook_id=delivery.destination.subscription,
        url=delivery.destination.url,
        state=delivery.state,
        attempt_count=delivery.attempts,
        created_at=delivery.created_ms // 1000,
        next_attempt_at=_seconds(delivery.next_ms),
        ended_at=_seconds(delivery.ended_ms),
        attempts=[_attempt(attempt) for attempt in delivery.log],
        payload=msgspec.Raw(delivery.body) if shows_payload else UNSET,
    )


def _attempt(attempt: Attempt) -> AttemptObject:
    return AttemptObject(
        number=attempt.number,
        at=attempt.at_ms // 1000,
        outcome=attempt.outcome,
        status=attempt.status or None,
        error=attempt.error or None,
        took_ms=attempt.took_ms,
        next_attempt_at=_seconds(attempt.next_ms),
    )


def _seconds(unix_ms: int) -> int | None:
    return unix_ms // 1000 if unix_ms else None
