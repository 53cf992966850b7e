"""The scripts of webhooks: each may be run twice, late, or by two at a time."""

from __future__ import annotations

import pytest

from penstock.broker import files, webhooks
from penstock.broker.diagnosis import wrong_keys
from penstock.broker.keys import DELIVERING_TENANTS, FILING_TENANTS, TenantKeys
from penstock.errors import BrokerDataError
from penstock.webhooks.delivery import Attempt, AttemptOutcome, Delivery, DeliveryState, Destination, NewDelivery
from penstock.webhooks.event import Event, EventType
from penstock.webhooks.signature import new_secret
from penstock.webhooks.subscription import Subscription
from tests.integration.broker.pool import Pool

TENANT = "acme"
KEYS = TenantKeys(TENANT)
SUBSCRIPTION = Subscription(id="wh_1", url="https://example.com", secret=new_secret(), created_ms=1)
NEW = NewDelivery(
    Event("evt-sim-1-0", EventType.JOB_COMPLETED, b"{}"),
    "sim-1",
    Destination(url="https://example.com", subscription="wh_1"),
)


async def record(pool: Pool, new: NewDelivery = NEW, **changes: int) -> str:
    limits = {"sweep_after_ms": 1000, "most_pending": 10, "most_logged": 10, "keep_ms": 60_000}
    return await pool.broker.run(webhooks.record(TENANT, new, **{**limits, **changes}))


async def note(
    pool: Pool, number: int, state: DeliveryState = DeliveryState.PENDING, seen: Delivery | None = None
) -> str:
    attempt = Attempt(number=number, at_ms=1, outcome=AttemptOutcome.REFUSED)
    seen = seen or await read(pool)
    call = webhooks.note(TENANT, seen, attempt, state, pause_ms=5000, sweep_after_ms=1000, keep_ms=60_000)
    return await pool.broker.run(call)


async def read(pool: Pool) -> Delivery:
    found = await pool.broker.ask(webhooks.delivery(TENANT, NEW.id))
    assert found is not None
    return found


async def test_a_subscription_changes_only_from_what_it_was_read_as(pool: Pool) -> None:
    one, other = SUBSCRIPTION.rotated(new_secret(), 2, 3), SUBSCRIPTION.disabled("because")

    async def put(before: Subscription | None, after: Subscription, most: int = 2) -> str:
        return await pool.broker.run(webhooks.put(TENANT, before, after, most))

    assert [await put(None, SUBSCRIPTION), await put(None, SUBSCRIPTION)] == ["put", "put"]
    assert [await put(SUBSCRIPTION, one), await put(SUBSCRIPTION, other)] == ["put", "moved"]
    assert await put(SUBSCRIPTION, one) == "put"
    assert await pool.broker.ask(webhooks.subscription(TENANT, "wh_1")) == one
    assert await pool.broker.run(webhooks.delete(TENANT, SUBSCRIPTION)) == "moved"
    assert [await pool.broker.run(webhooks.delete(TENANT, one)) for _ in range(2)] == ["put", "put"]
    assert await pool.broker.ask(webhooks.subscriptions(TENANT)) == {}


async def test_a_delivery_is_recorded_once_and_stays_as_it_is(pool: Pool) -> None:
    assert [await record(pool), await note(pool, 1), await record(pool)] == ["recorded", "noted", "exists"]
    assert (await read(pool)).attempts == 1
    await note(pool, 2, DeliveryState.DELIVERED)
    assert await record(pool) == "exists"
    assert (await read(pool)).state is DeliveryState.DELIVERED


async def test_an_attempt_is_noted_once(pool: Pool) -> None:
    await record(pool)
    assert [await note(pool, 1), await note(pool, 1), await note(pool, 3), await note(pool, 2)] == [
        *("noted", "stale", "stale", "noted")
    ]
    assert [one.number for one in (await read(pool)).log] == [1, 2]
    assert await note(pool, 3, DeliveryState.FAILED) == "noted"
    assert await note(pool, 4) == "stale"
    assert await pool.redis.zcard(KEYS.pending) == 0


async def test_only_the_newest_attempts_are_kept(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("penstock.broker.webhooks._MOST_ATTEMPTS", 3)
    await record(pool)
    for number in range(1, 8):
        await note(pool, number)
    assert [one.number for one in (await read(pool)).log] == [5, 6, 7]


async def test_what_is_asked_for_again_begins_its_schedule_anew(pool: Pool) -> None:
    await record(pool)
    await note(pool, 1, DeliveryState.FAILED)
    assert await pool.redis.pttl(KEYS.delivery(NEW.id)) > 0
    assert [await pool.broker.run(webhooks.redeliver(TENANT, NEW.id)) for _ in range(2)] == ["pending", "pending"]
    delivery = await read(pool)
    assert (delivery.state, delivery.attempts, delivery.attempts_of_schedule) == (DeliveryState.PENDING, 1, 0)
    assert await pool.redis.pttl(KEYS.delivery(NEW.id)) == -1
    assert await pool.broker.run(webhooks.redeliver(TENANT, "nothing")) == "missing"


@pytest.mark.parametrize("state", [DeliveryState.PENDING, DeliveryState.FAILED])
async def test_what_is_asked_for_again_during_an_attempt_does_not_wait_or_end_as_that_one_would(
    pool: Pool, state: DeliveryState
) -> None:
    await record(pool)
    await note(pool, 1)
    seen = await read(pool)
    await pool.broker.run(webhooks.redeliver(TENANT, NEW.id))
    asked = await read(pool)
    assert [await note(pool, 2, state, seen), await note(pool, 2, state, seen)] == ["anew", "stale"]
    delivery = await read(pool)
    assert (delivery.state, delivery.next_ms) == (DeliveryState.PENDING, asked.next_ms)
    assert (delivery.attempts, delivery.attempts_of_schedule, len(delivery.log)) == (2, 0, 2)
    assert await pool.redis.zcard(KEYS.pending) == 1


async def test_what_is_asked_for_again_during_an_attempt_that_succeeds_is_delivered(pool: Pool) -> None:
    await record(pool)
    await note(pool, 1)
    seen = await read(pool)
    await pool.broker.run(webhooks.redeliver(TENANT, NEW.id))
    assert await note(pool, 2, DeliveryState.DELIVERED, seen) == "noted"
    assert (await read(pool)).state is DeliveryState.DELIVERED
    assert await pool.redis.zcard(KEYS.pending) == 0


async def test_the_log_and_what_is_pending_are_bounded(pool: Pool) -> None:
    made = [NewDelivery(Event(f"evt-sim-{n}-0", EventType.TEST, b"{}"), "", NEW.destination) for n in range(5)]
    answers = [await record(pool, one, most_pending=4, most_logged=3) for one in made]
    assert answers == ["recorded"] * 4 + ["full"]
    assert await pool.redis.zcard(KEYS.deliveries) == 3


async def test_a_tenant_that_has_something_new_is_not_forgotten(pool: Pool) -> None:
    await pool.broker.run(webhooks.touch(TENANT, 1000))
    assert await pool.broker.run(webhooks.forget_tenant(TENANT, 1000)) == "kept"
    assert await pool.broker.run(webhooks.forget_tenant(TENANT, 1001)) == "forgotten"
    assert await pool.broker.ask(webhooks.tenants()) == []


async def test_a_list_of_tenants_of_another_type_is_begun_anew(pool: Pool) -> None:
    for key, touch in ((DELIVERING_TENANTS, webhooks.touch), (FILING_TENANTS, files.touch)):
        await pool.redis.set(key, "mine")
        assert await pool.broker.run(touch(TENANT, 1000)) == "listed"
        assert await pool.redis.zrange(key, 0, -1, withscores=True) == [(TENANT.encode(), 1000.0)]


async def test_what_cannot_be_read_is_told_by_its_key(pool: Pool) -> None:
    await pool.redis.set(DELIVERING_TENANTS, "mine")
    with pytest.raises(BrokerDataError) as error:
        await pool.broker.ask(webhooks.tenants())

    assert await wrong_keys(pool.broker, error.value.keys) == [f"{DELIVERING_TENANTS} is a string, not a zset"]
