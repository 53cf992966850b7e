"""Calls and queries of a tenant's webhooks: subscriptions, deliveries, and what the sweep looks for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from msgspec import Struct

from penstock.broker import replies
from penstock.broker.keys import DELIVERING_TENANTS, TenantKeys, keys_of
from penstock.broker.query import Query
from penstock.broker.script import Argument, Call, Script, text
from penstock.webhooks.delivery import (
    Attempt,
    Delivery,
    DeliveryState,
    NewDelivery,
    encode_attempt,
    read_delivery,
)
from penstock.webhooks.subscription import Subscription, decode_subscription, encode_subscription

_PUT = Script("put_webhook")
_RECORD = Script("record_delivery")
_NOTE = Script("note_attempt")
_REDELIVER = Script("redeliver")
_LIST = Script("list_tenant")
_FORGET = Script("forget_tenant")

#: Attempts of one delivery that are kept: more than any schedule has, the newest of one that is asked for by hand.
_MOST_ATTEMPTS = 50


class Overdue(Struct, frozen=True):
    """What a tenant's deliveries wait for."""

    #: Ids of some whose attempt should have been made: the page that was asked for, and the newest.
    page: Sequence[str]
    newest: Sequence[str]
    #: How many are pending.
    pending: int
    #: From when on the first of them is overdue, Unix milliseconds; None where none is pending.
    first_ms: int | None


def subscriptions(tenant: str) -> Query[Mapping[str, Subscription]]:
    """A tenant's subscriptions by id."""
    return Query(("HGETALL", TenantKeys(tenant).webhooks), _subscriptions)


def subscription(tenant: str, subscription_id: str) -> Query[Subscription | None]:
    """One of them."""
    command = ("HGET", TenantKeys(tenant).webhooks, subscription_id)
    return Query(command, lambda reply: None if reply is None else decode_subscription(reply))


def put(tenant: str, before: Subscription | None, after: Subscription, most: int) -> Call[str]:
    """Make a subscription, or change it if it still is what it was: "put", "moved" or "full"."""
    was = b"" if before is None else encode_subscription(before)
    args = (after.id, was, encode_subscription(after), most)
    return Call(_PUT, (TenantKeys(tenant).webhooks,), args, text)


def delete(tenant: str, before: Subscription) -> Call[str]:
    """Delete a subscription if it still is what it was: "put" or "moved"."""
    return Call(_PUT, (TenantKeys(tenant).webhooks,), (before.id, encode_subscription(before), b"", 0), text)


def metadata(pool: str, job_id: str) -> Query[tuple[str, str] | None]:
    """Of a job's record: its fence, and its metadata as JSON, "" for none; None where it is gone or was erased."""
    command = ("HMGET", keys_of(pool).job(job_id), "fence", "metadata", "purged")
    return Query(command, _metadata)


def touch(tenant: str, now_ms: int) -> Call[str]:
    """Make a tenant known to the sweep; before its delivery is recorded, so that none is ever overlooked."""
    return Call(_LIST, (DELIVERING_TENANTS,), (tenant, now_ms), text)


def record(
    tenant: str, new: NewDelivery, *, sweep_after_ms: int, most_pending: int, most_logged: int, keep_ms: int
) -> Call[str]:
    """Record a delivery, once: "recorded", "exists" or "full"."""
    keys = TenantKeys(tenant)
    fields: tuple[Argument, ...] = (
        *("event", new.event.id, "type", new.event.type, "job", new.job, "body", new.event.body),
        *("url", new.destination.url, "subscription", new.destination.subscription),
        *("secret", new.destination.secret),
    )
    return Call(
        _RECORD,
        (keys.delivery(new.id), keys.pending, keys.deliveries),
        (new.id, sweep_after_ms, most_pending, most_logged, keep_ms, *fields),
        text,
    )


def note(
    tenant: str,
    delivery: Delivery,
    attempt: Attempt,
    state: DeliveryState,
    *,
    pause_ms: int,
    sweep_after_ms: int,
    keep_ms: int,
) -> Call[str]:
    """Write down an attempt of a delivery, as it was read before: "noted", "anew" or "stale"."""
    keys = TenantKeys(tenant)
    args = (
        *(delivery.id, attempt.number, encode_attempt(attempt), state, pause_ms, sweep_after_ms, keep_ms),
        *(_MOST_ATTEMPTS, delivery.attempts_before),
    )
    return Call(_NOTE, (keys.delivery(delivery.id), keys.pending), args, text)


def redeliver(tenant: str, delivery_id: str) -> Call[str]:
    """Begin a delivery's schedule anew, for the next sweep to find: "pending" or "missing"."""
    keys = TenantKeys(tenant)
    return Call(_REDELIVER, (keys.delivery(delivery_id), keys.pending), (delivery_id, 0), text)


def delivery(tenant: str, delivery_id: str) -> Query[Delivery | None]:
    """A delivery, or None if there is no record of it (any more)."""
    return Query(("HGETALL", TenantKeys(tenant).delivery(delivery_id)), partial(_delivery, delivery_id))


def logged(tenant: str, *, newest_ms: int | None, skip: int, count: int) -> Query[list[tuple[int, str]]]:
    """A page of a tenant's deliveries, newest first: the time of each and its id."""
    bound = "+inf" if newest_ms is None else newest_ms
    command = ("ZREVRANGEBYSCORE", TenantKeys(tenant).deliveries, bound, "-inf", "WITHSCORES", "LIMIT", skip, count)
    return Query(command, replies.scored)


def place_of(tenant: str, delivery_id: str) -> Query[int | None]:
    """The time of a delivery in its tenant's log, or None where it is not in it."""
    command = ("ZSCORE", TenantKeys(tenant).deliveries, delivery_id)
    return Query(command, lambda reply: None if reply is None else replies.score(reply))


def tenants() -> Query[list[str]]:
    """Everybody whom the sweep looks after."""
    return Query(("ZRANGE", DELIVERING_TENANTS, 0, -1), replies.names)


def forget_tenant(tenant: str, touched_before_ms: int) -> Call[str]:
    """Strike off a tenant that had nothing pending, unless something was recorded for it since: "forgotten", "kept"."""
    return Call(_FORGET, (DELIVERING_TENANTS,), (tenant, touched_before_ms), text)


def overdue(tenant: str, now_ms: int, *, skip: int, count: int, newest: int) -> Sequence[Query[Any]]:
    """The queries that `overdue_of` reads: a page of what is overdue, the longest first, and the newest of it."""
    pending = TenantKeys(tenant).pending
    return (
        Query(("ZRANGEBYSCORE", pending, "-inf", now_ms, "LIMIT", skip, count), replies.names),
        Query(("ZREVRANGEBYSCORE", pending, now_ms, "-inf", "LIMIT", 0, newest), replies.names),
        Query(("ZCARD", pending), int),
        Query(("ZRANGE", pending, 0, 0, "WITHSCORES"), replies.scored),
    )


def overdue_of(answers: Sequence[Any]) -> Overdue:
    """What the answers say."""
    page, newest, pending, first = answers
    return Overdue(page, newest, pending, first[0][0] if first else None)


def drop(tenant: str, delivery_id: str) -> Query[int]:
    """Strike off a pending delivery that has no record."""
    return Query(("ZREM", TenantKeys(tenant).pending, delivery_id), int)


def _metadata(reply: list[bytes | None]) -> tuple[str, str] | None:
    fence, metadata_, purged = reply
    return None if fence is None or purged is not None else (fence.decode(), (metadata_ or b"").decode())


def _subscriptions(reply: list[bytes]) -> Mapping[str, Subscription]:
    return {name.decode(): decode_subscription(one) for name, one in zip(reply[::2], reply[1::2], strict=True)}


def _delivery(delivery_id: str, reply: list[bytes]) -> Delivery | None:
    return read_delivery(delivery_id, dict(zip(reply[::2], reply[1::2], strict=True))) if reply else None
