"""From the end of a job to its receiver, through the ledger and arq, with everything that goes wrong on the way."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from urllib.parse import urlsplit

import pytest
from structlog.testing import capture_logs

from background.sweep import Sweep
from background.task_queue import QUEUE
from background.tasks import Tasks
from penstock.answers.outcome import PURGED
from penstock.broker import ledger, webhooks
from penstock.broker.keys import DELIVERING_TENANTS, TenantKeys
from penstock.broker.submission import purge
from penstock.frames import Generated, Result
from penstock.job import State
from penstock.settings import Settings
from penstock.storage import open_storage
from penstock.telemetry import events, metrics
from penstock.webhooks.delivery import AttemptOutcome, DeliveryState
from penstock.webhooks.signature import new_secret
from penstock.webhooks.subscription import FOR_JOBS, SubscriptionState
from tests.eventual import until
from tests.harness.receiver import Receiver, Reply, receiving
from tests.integration.background.webhook_stack import (
    TENANT,
    all_ended,
    background,
    deliveries,
    ended_job,
    job_webhook,
    settings_for,
    subscribed,
)
from tests.integration.broker.pool import POOL, Pool


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving(new_secret()) as found:
        yield found


@pytest.fixture
def settings(redis_url: str) -> Settings:
    return settings_for(redis_url)


@pytest.fixture
async def webhook(pool: Pool, receiver: Receiver) -> str:
    """Of jobs whose end the receiver is told."""
    return job_webhook(receiver.url, receiver.secret)


async def test_the_end_of_a_job_is_told_once(pool: Pool, settings: Settings, receiver: Receiver, webhook: str) -> None:
    async with background(pool, settings):
        job = await ended_job(pool, webhook=webhook, metadata='{"ticket":"1"}')
        (delivery,) = await all_ended(pool, 1)
    (received,) = receiver.received
    assert (received.job, received.event["type"], received.event_id) == (job, "job.completed", delivery.event)
    assert received.event["data"]["metadata"] == {"ticket": "1"}
    assert (delivery.state, delivery.attempts, delivery.log[0].status) == (DeliveryState.DELIVERED, 1, 204)
    assert receiver.wrong == []


async def test_what_is_erased_is_not_told_to_have_had_no_metadata(
    pool: Pool, settings: Settings, receiver: Receiver, webhook: str
) -> None:
    job = await ended_job(pool, webhook=webhook, metadata='{"ticket":"1"}')
    assert await pool.broker.run(purge(POOL, job, Result(PURGED, Generated()))) == "purged"
    async with background(pool, settings):
        await ended_job(pool, webhook=webhook)
        await all_ended(pool, 2)
    told = {one.job: one.event["data"]["metadata"] for one in receiver.received}
    assert (told.pop(job), list(told.values())) == (None, [{}])


async def test_every_kind_of_end_is_told_and_nothing_else(
    pool: Pool, settings: Settings, receiver: Receiver, webhook: str
) -> None:
    async with background(pool, settings):
        await pool.queued(webhook=webhook)
        await pool.running("w.1", webhook=webhook)
        await ended_job(pool)
        await pool.withdraw(await pool.queued(webhook=webhook), State.CANCELLED)
        await pool.withdraw(await pool.queued(webhook=webhook), State.EXPIRED)
        await pool.finish("w.1", await pool.running("w.1", webhook=webhook), State.FAILED)
        await all_ended(pool, 3)
    assert Counter(one.event["type"] for one in receiver.received) == {
        "job.cancelled": 1,
        "job.expired": 1,
        "job.failed": 1,
    }


async def test_a_subscription_hears_of_its_tenants_ends_and_of_the_events_it_names(
    pool: Pool, settings: Settings, receiver: Receiver
) -> None:
    await subscribed(pool, f"{receiver.url}/all", receiver.secret)
    await subscribed(pool, f"{receiver.url}/failed", receiver.secret, events=["job.failed"])
    await subscribed(pool, f"{receiver.url}/off", receiver.secret, state=SubscriptionState.DISABLED)
    async with background(pool, settings):
        await ended_job(pool)
        await ended_job(pool, tenant="rival")
        await pool.finish("w.1", await pool.running("w.1"), State.FAILED)
        await all_ended(pool, 3)
    told = Counter((one.path.rpartition("/")[2], one.event["type"]) for one in receiver.received)
    assert told == {("all", "job.completed"): 1, ("all", "job.failed"): 1, ("failed", "job.failed"): 1}
    # One event has one id, whoever is told.
    assert len({one.event_id for one in receiver.received}) == 2


async def test_after_a_rotation_both_secrets_sign_for_a_while(
    pool: Pool, settings: Settings, receiver: Receiver
) -> None:
    old, new = receiver.secret, new_secret()
    now_ms = time.time_ns() // 1_000_000
    one = await subscribed(pool, receiver.url, old)
    await pool.broker.run(webhooks.put(TENANT, one, one.rotated(new, now_ms, 3_600_000), 100))
    with receiving(new) as other:
        two = await subscribed(pool, other.url, old)
        await pool.broker.run(webhooks.put(TENANT, two, two.rotated(new, now_ms, 3_600_000), 100))
        async with background(pool, settings):
            await ended_job(pool)
            await all_ended(pool, 2)
        assert (len(receiver.received), len(other.received)) == (1, 1)
    assert receiver.wrong == other.wrong == []


async def test_when_the_grace_is_over_the_old_secret_signs_no_more(
    pool: Pool, settings: Settings, receiver: Receiver
) -> None:
    one = await subscribed(pool, receiver.url, receiver.secret)
    await pool.broker.run(webhooks.put(TENANT, one, one.rotated(new_secret(), 1, 1), 100))
    async with background(pool, settings):
        await ended_job(pool)
        (delivery,) = await all_ended(pool, 1)
    assert (delivery.state, delivery.attempts) == (DeliveryState.FAILED, 10)
    assert len(receiver.wrong) == 10


async def test_a_jobs_url_without_a_secret_is_signed_by_the_tenants_own(
    pool: Pool, settings: Settings, receiver: Receiver
) -> None:
    await subscribed(pool, "", receiver.secret, id=FOR_JOBS)
    async with background(pool, settings):
        await ended_job(pool, webhook=job_webhook(receiver.url, ""))
        (delivery,) = await all_ended(pool, 1)
    assert (delivery.state, len(receiver.received)) == (DeliveryState.DELIVERED, 1)


async def test_a_410_of_one_jobs_url_takes_no_others_secret(pool: Pool, settings: Settings, receiver: Receiver) -> None:
    await subscribed(pool, "", receiver.secret, id=FOR_JOBS)
    receiver.answer = lambda _: Reply(410)
    async with background(pool, settings):
        await ended_job(pool, webhook=job_webhook(receiver.url, ""))
        await all_ended(pool, 1)
        receiver.answer = lambda _: Reply()
        await ended_job(pool, webhook=job_webhook(receiver.url, ""))
        found = await all_ended(pool, 2)
    assert [one.state for one in found] == [DeliveryState.FAILED, DeliveryState.DELIVERED]


async def test_what_fails_is_tried_again_under_the_same_id_and_a_new_timestamp(
    pool: Pool, settings: Settings, receiver: Receiver, webhook: str
) -> None:
    receiver.answer = lambda _: Reply(204 if len(receiver.received) == 4 else 500, body=b"later")
    async with background(pool, settings):
        await ended_job(pool, webhook=webhook)
        (delivery,) = await all_ended(pool, 1)
    assert len(set(receiver.ids())) == 1
    assert [one.outcome for one in delivery.log] == [AttemptOutcome.REFUSED] * 3 + [AttemptOutcome.DELIVERED]
    assert all(one.next_ms >= one.at_ms + one.took_ms + 50 for one in delivery.log[:3])
    assert delivery.log[0].error == "later"


async def test_what_fails_to_the_end_of_its_schedule_has_failed(
    pool: Pool, redis_url: str, receiver: Receiver, webhook: str
) -> None:
    receiver.answer = lambda _: Reply(500)
    async with background(pool, settings_for(redis_url, retry_s=(0.02, 0.02))):
        await ended_job(pool, webhook=webhook)
        (delivery,) = await all_ended(pool, 1)
    assert (delivery.state, delivery.attempts, len(receiver.received)) == (DeliveryState.FAILED, 3, 3)
    assert 0 < await pool.redis.pttl(TenantKeys(TENANT).delivery(delivery.id)) <= 7 * 24 * 3600 * 1000


async def test_a_host_that_takes_nothing_is_told_of_once_however_many_deliveries_fail(
    pool: Pool, redis_url: str, receiver: Receiver, webhook: str
) -> None:
    receiver.answer = lambda _: Reply(500)
    with capture_logs() as logs, receiving(receiver.secret) as other:
        other.answer = lambda _: Reply(500, body=b"not now")
        async with background(pool, settings_for(redis_url, retry_s=(0.02,))):
            for _ in range(3):
                await ended_job(pool, webhook=webhook)
            await all_ended(pool, 3)
            await ended_job(pool, webhook=job_webhook(other.url, other.secret))
            await all_ended(pool, 4)
    told = [(line["host"], line["why"], line["attempts"]) for line in logs if line["event"] == events.WEBHOOK_FAILED]
    assert told == [
        (urlsplit(receiver.url).netloc, "status 500", 2),
        (urlsplit(other.url).netloc, "not now", 2),
    ]


async def test_a_jobs_webhook_that_cannot_be_read_is_counted_and_told_of_once(
    pool: Pool, settings: Settings, receiver: Receiver
) -> None:
    await subscribed(pool, receiver.url, receiver.secret)
    before = metrics.WEBHOOKS_UNREADABLE._value.get()
    with capture_logs() as logs:
        async with background(pool, settings):
            jobs = [await ended_job(pool, webhook='{"address":"elsewhere"}') for _ in range(2)]
            await all_ended(pool, 2)
    told = [line["job"] for line in logs if line["event"] == events.JOB_WEBHOOK_UNREADABLE]
    assert metrics.WEBHOOKS_UNREADABLE._value.get() == before + 2
    assert told == jobs[:1]
    # Whoever else is to hear of it does.
    assert {one.job for one in receiver.received} == set(jobs)


async def test_a_receiver_that_is_down_for_an_hour_is_told_after_it(
    pool: Pool, redis_url: str, receiver: Receiver, webhook: str
) -> None:
    """The clock is turned: what is due later is made due now, and found by the sweep."""
    settings = settings_for(redis_url, retry_s=(5.0, 300.0, 1800.0, 7200.0))
    receiver.answer = lambda _: Reply(500)
    async with background(pool, settings) as parts:
        await ended_job(pool, webhook=webhook)
        for made in range(1, 5):
            await until(partial(_has_attempts, pool, made))
            if made == 4:
                receiver.answer = lambda _: Reply()
            await _turn_clock(pool, parts)
        (delivery,) = await all_ended(pool, 1)
    pauses_s = [round((one.next_ms - one.at_ms) / 1000) for one in delivery.log[:4]]
    for planned_s, pause_s in zip(settings.webhooks.retry_s, pauses_s, strict=True):
        assert planned_s <= pause_s <= planned_s * 1.2 + 1
    assert (delivery.state, delivery.attempts) == (DeliveryState.DELIVERED, 5)


async def test_a_410_disables_the_subscription_and_nothing_more_is_sent(
    pool: Pool, settings: Settings, receiver: Receiver
) -> None:
    one = await subscribed(pool, receiver.url, receiver.secret)
    receiver.answer = lambda _: Reply(410)
    async with background(pool, settings):
        await ended_job(pool)
        (delivery,) = await all_ended(pool, 1)
        await ended_job(pool)
        await until(lambda: _is_read(pool))
    found = await pool.broker.ask(webhooks.subscription(TENANT, one.id))
    assert found is not None
    assert (found.state, "410" in found.reason) == (SubscriptionState.DISABLED, True)
    assert (delivery.state, delivery.attempts, len(receiver.received)) == (DeliveryState.FAILED, 1, 1)


async def test_what_is_pending_for_a_subscription_that_is_gone_is_not_sent(
    pool: Pool, redis_url: str, receiver: Receiver
) -> None:
    one = await subscribed(pool, receiver.url, receiver.secret)
    receiver.answer = lambda _: Reply(500)
    async with background(pool, settings_for(redis_url, retry_s=(0.5, 0.5))):
        await ended_job(pool)
        await until(lambda: _has_attempts(pool, 1))
        await pool.broker.run(webhooks.delete(TENANT, one))
        (delivery,) = await all_ended(pool, 1)
    assert delivery.log[-1].outcome is AttemptOutcome.UNWANTED
    assert len(receiver.received) == delivery.attempts - 1


async def test_a_receiver_that_hangs_delays_no_other(pool: Pool, redis_url: str, receiver: Receiver) -> None:
    limits = {"timeout_s": 5.0, "max_in_flight": 8, "max_in_flight_per_host": 2}
    with receiving(receiver.secret) as hung:
        hung.answer = hung.hang
        for _ in range(100):
            await ended_job(pool, webhook=job_webhook(hung.url, receiver.secret), tenant="rival")
        async with background(pool, settings_for(redis_url, **limits)):
            await until(_some(hung, 2))
            begun_s = time.monotonic()
            for _ in range(20):
                await ended_job(pool, webhook=job_webhook(receiver.url, receiver.secret))
            await all_ended(pool, 20)
            took_s = time.monotonic() - begun_s
        # No more than had room, although a hundred wait for it; and nobody waited for its time limit.
        assert len(hung.received) <= 4
        assert took_s < 5.0


async def test_arqs_keys_may_be_lost_at_any_time(pool: Pool, redis_url: str, receiver: Receiver, webhook: str) -> None:
    settings = settings_for(redis_url, retry_s=(3600.0,))
    receiver.answer = lambda _: Reply(500)
    async with background(pool, settings) as parts:
        for _ in range(5):
            await ended_job(pool, webhook=webhook)
        await until(_some(receiver, 5))
        await until(lambda: _has_attempts(pool, 1))
        await pool.redis.delete(QUEUE, *await pool.redis.keys("arq:*"))
        receiver.answer = lambda _: Reply()
        await _turn_clock(pool, parts)
        found = await all_ended(pool, 5)
    assert {one.state for one in found} == {DeliveryState.DELIVERED}
    assert Counter(receiver.ids()).most_common(1)[0][1] == 2


async def test_a_sweep_looks_at_so_many_and_at_all_in_time(
    pool: Pool, settings: Settings, webhook: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("background.sweep._PAGE", 10)
    monkeypatch.setattr("background.sweep._NEWEST", 2)
    parts = Tasks(pool.broker, open_storage(settings.storage), settings)
    for _ in range(25):
        await ended_job(pool, webhook=webhook)
    await _hand_all_over(pool, parts)
    await pool.redis.delete(QUEUE, *await pool.redis.keys("arq:*"))
    await _make_due(pool)
    sweep = Sweep(pool.broker, parts.hand_over)
    queued = []
    for _ in range(4):
        await sweep.once()
        queued.append(await pool.redis.zcard(QUEUE))
    assert queued[0] == 12
    assert queued[-1] == 25
    assert metrics.WEBHOOKS_PENDING._value.get() == 25
    await parts._queue._redis.aclose()


async def test_where_arqs_redis_is_away_the_ledger_goes_on_and_the_sweep_makes_good(
    pool: Pool, redis_url: str, receiver: Receiver, webhook: str
) -> None:
    away = settings_for(redis_url)
    away = away.model_copy(
        update={"background": away.background.model_copy(update={"redis_url": "redis://127.0.0.1:9/0"})}
    )
    before = metrics.WEBHOOKS_NOT_QUEUED._value.get()
    async with background(pool, away):
        await ended_job(pool, webhook=webhook)
        await until(lambda: _is_read(pool))
    assert metrics.WEBHOOKS_NOT_QUEUED._value.get() == before + 1
    assert [one.state for one in await deliveries(pool)] == [DeliveryState.PENDING]
    async with background(pool, settings_for(redis_url)) as parts:
        await _turn_clock(pool, parts)
        await all_ended(pool, 1)
    assert len(receiver.received) == 1


@pytest.mark.parametrize(("retry_s", "made"), [(3600.0, 1), (0.02, 2)], ids=["in a long pause", "after its last"])
async def test_what_is_asked_for_again_is_sent_at_the_next_look(
    pool: Pool, redis_url: str, receiver: Receiver, webhook: str, retry_s: float, made: int
) -> None:
    receiver.answer = lambda _: Reply(500)
    async with background(pool, settings_for(redis_url, retry_s=(retry_s,))) as parts:
        await ended_job(pool, webhook=webhook)
        await until(lambda: _has_attempts(pool, made))
        # Arq has put the task back, to sleep, or has forgotten it.
        await until(lambda: _sleeps(pool, is_there=made == 1))
        receiver.answer = lambda _: Reply()
        (delivery,) = await deliveries(pool)
        assert await pool.broker.run(webhooks.redeliver(TENANT, delivery.id)) == "pending"
        await parts._sweep.once()
        (delivery,) = await all_ended(pool, 1)
    assert (delivery.state, delivery.attempts) == (DeliveryState.DELIVERED, made + 1)
    assert len(set(receiver.ids())) == 1


async def test_what_is_asked_for_again_during_an_attempt_is_sent_after_it(
    pool: Pool, redis_url: str, receiver: Receiver, webhook: str
) -> None:
    """The second attempt is the last of its schedule, and hangs while somebody asks for another."""
    receiver.answer = lambda _: Reply(500) if len(receiver.received) == 1 else receiver.hang(_)
    async with background(pool, settings_for(redis_url, retry_s=(0.05,), timeout_s=2.0)):
        await ended_job(pool, webhook=webhook)
        await until(_some(receiver, 2))
        (delivery,) = await deliveries(pool)
        receiver.answer = lambda _: Reply()
        assert await pool.broker.run(webhooks.redeliver(TENANT, delivery.id)) == "pending"
        (delivery,) = await all_ended(pool, 1)
    assert (delivery.state, delivery.attempts) == (DeliveryState.DELIVERED, 3)


async def test_a_sweep_leaves_alone_what_waits_for_its_host(pool: Pool, settings: Settings, webhook: str) -> None:
    parts = Tasks(pool.broker, open_storage(settings.storage), settings)
    await ended_job(pool, webhook=webhook)
    await _hand_all_over(pool, parts)
    await _make_due(pool)
    (delivery,) = await deliveries(pool)
    due_ms = time.time_ns() // 1_000_000 + 75_000
    await pool.redis.zadd(QUEUE, {delivery.id: due_ms})
    await parts._sweep.once()
    assert await pool.redis.zscore(QUEUE, delivery.id) == due_ms
    await parts._queue._redis.aclose()


async def test_two_that_both_believe_to_read_make_one_delivery_of_each_end(
    pool: Pool, settings: Settings, receiver: Receiver, webhook: str
) -> None:
    """The lease is taken from each of them again and again, between any two of its steps."""
    jobs = list[str]()
    async with background(pool, settings, "background:1"), background(pool, settings, "background:2"):
        for number in range(60):
            jobs.append(await ended_job(pool, webhook=webhook))
            await pool.redis.set(pool.keys.ledger_leader, f"background:{number % 2 + 1}")
        await pool.redis.delete(pool.keys.ledger_leader)
        await all_ended(pool, 60)
    by_job = {one.job: one.event_id for one in receiver.received}
    assert set(by_job) == set(jobs)
    assert len(set(by_job.values())) == len(set(receiver.ids())) == 60


async def test_more_deliveries_than_a_tenant_may_have_are_left_out_and_counted(
    pool: Pool, redis_url: str, receiver: Receiver, webhook: str
) -> None:
    receiver.answer = lambda _: Reply(500)
    before = metrics.WEBHOOKS_LEFT_OUT._value.get()
    for _ in range(5):
        await ended_job(pool, webhook=webhook)
    async with background(pool, settings_for(redis_url, max_pending=3, retry_s=(3600.0,))):
        await until(lambda: _is_read(pool))
    assert metrics.WEBHOOKS_LEFT_OUT._value.get() == before + 2
    assert len(await deliveries(pool)) == 3


@pytest.mark.parametrize(
    "key",
    [TenantKeys(TENANT).webhooks, TenantKeys(TENANT).deliveries, TenantKeys(TENANT).pending, DELIVERING_TENANTS],
)
async def test_a_key_of_another_type_holds_up_no_ledger(
    pool: Pool, settings: Settings, receiver: Receiver, webhook: str, key: str
) -> None:
    await pool.redis.set(key, "mine")
    async with background(pool, settings):
        await ended_job(pool, webhook=webhook)
        await until(_some(receiver, 1))
        await until(lambda: _is_read(pool))


async def test_a_tenant_that_cannot_be_read_keeps_no_other_from_the_sweep(
    pool: Pool, settings: Settings, webhook: str
) -> None:
    broken = TenantKeys("aaaa").pending
    await pool.redis.set(broken, "mine")
    await pool.broker.run(webhooks.touch("aaaa", 1))
    with capture_logs() as lines:
        async with background(pool, settings) as parts:
            await ended_job(pool, webhook=webhook)
            await all_ended(pool, 1)
            await pool.redis.zadd(DELIVERING_TENANTS, {TENANT: 1})
            for _ in range(3):
                await parts._sweep.once()
            assert await pool.broker.ask(webhooks.tenants()) == ["aaaa"]
            await pool.redis.delete(broken)
            await parts._sweep.once()
            assert await pool.broker.ask(webhooks.tenants()) == []
    assert [line["tenant"] for line in lines if line["event"] == events.WEBHOOKS_UNREADABLE] == ["aaaa"]


async def test_a_queue_of_another_type_is_told_once_and_tried_again_with_growing_pauses(
    pool: Pool, settings: Settings, receiver: Receiver, webhook: str
) -> None:
    def told() -> list[str]:
        return [line["event"] for line in lines if line["event"] in (events.QUEUE_LOST, events.QUEUE_BACK)]

    async def has_paused() -> bool:
        return parts._queue._pause._last_s > 0.5

    async def is_back() -> bool:
        return events.QUEUE_BACK in told()

    await pool.redis.set(QUEUE, "mine")
    with capture_logs() as lines:
        async with background(pool, settings) as parts:
            await until(has_paused)
            assert told() == [events.QUEUE_LOST]
            await pool.redis.delete(QUEUE)
            await ended_job(pool, webhook=webhook)
            await until(_some(receiver, 1))
            await until(is_back)
    assert told() == [events.QUEUE_LOST, events.QUEUE_BACK]


async def test_a_tenant_with_nothing_pending_is_looked_after_no_more(
    pool: Pool, settings: Settings, webhook: str
) -> None:
    async with background(pool, settings) as parts:
        await ended_job(pool, webhook=webhook)
        await all_ended(pool, 1)
        await parts._sweep.once()
        assert await pool.redis.zcard(DELIVERING_TENANTS) == 1
        await pool.redis.zadd(DELIVERING_TENANTS, {TENANT: 1})
        await parts._sweep.once()
        assert await pool.redis.zcard(DELIVERING_TENANTS) == 0


async def _has_attempts(pool: Pool, count: int) -> bool:
    found = await deliveries(pool)
    return bool(found) and all(one.attempts >= count for one in found)


async def _is_read(pool: Pool) -> bool:
    length: int = await pool.redis.xlen(pool.keys.ledger)
    return length == 0


async def _sleeps(pool: Pool, *, is_there: bool) -> bool:
    """Whether arq has a task that is due in half an hour or later, or none at all."""
    later_ms = time.time_ns() // 1_000_000 + 1_800_000
    waiting = await pool.redis.zrange(QUEUE, 0, -1, withscores=True)
    tasks = [due_ms for name, due_ms in waiting if name.startswith(b"evt-")]
    return any(due_ms > later_ms for due_ms in tasks) if is_there else not tasks


def _some(receiver: Receiver, count: int) -> Callable[[], Awaitable[bool]]:
    async def is_so() -> bool:
        return len(receiver.received) >= count

    return is_so


async def _make_due(pool: Pool) -> None:
    """Everything that is pending is overdue."""
    keys = TenantKeys(TENANT)
    for name in await pool.redis.zrange(keys.pending, 0, -1):
        await pool.redis.zadd(keys.pending, {name: 1000})
        await pool.redis.hset(keys.delivery(name.decode()), "next_ms", 1000)


async def _turn_clock(pool: Pool, parts: Tasks) -> None:
    """What is due at any time is due now; what arq knows of it is forgotten, as it sleeps until then."""
    await pool.redis.delete(QUEUE, *await pool.redis.keys("arq:*"))
    await _make_due(pool)
    await parts._sweep.once()


async def _hand_all_over(pool: Pool, parts: Tasks) -> None:
    page = await pool.broker.ask(ledger.after(POOL, "", 500))
    assert await parts.hand_over.take(POOL, page.entries) == len(page.entries)
