"""Who reads the ledger: one at a time, and each entry once, whoever it is."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from background.hand_over import HandOver
from background.ledger_reader import LedgerReader
from background.task_queue import TaskQueue
from penstock.broker import ledger
from penstock.broker.contact import Contact
from penstock.settings import BackgroundSettings, WebhookSettings
from penstock.telemetry import metrics
from penstock.usage import usage_of
from tests.eventual import until
from tests.integration.broker.pool import POOL, Pool


class Untouched(TaskQueue):
    """A queue into which nothing is put."""

    def __init__(self) -> None:
        """It has no Redis."""


SETTINGS = BackgroundSettings(lease_ttl_s=0.6, tick_s=0.02)


@asynccontextmanager
async def reading(pool: Pool, token: str = "background:1") -> AsyncIterator[LedgerReader]:
    reader = LedgerReader(
        pool.broker,
        Contact(pool.broker.address),
        POOL,
        SETTINGS,
        token,
        HandOver(pool.broker, Untouched(), WebhookSettings()),
    )
    task = asyncio.create_task(reader.run())
    try:
        yield reader
    finally:
        reader.stop()
        await task


async def end(pool: Pool, count: int) -> None:
    for _ in range(count):
        await pool.finish("w.1", await pool.running("w.1"), count=2)


async def used(pool: Pool) -> Counter[str]:
    found: Counter[str] = Counter()
    for key in await pool.redis.keys(pool.keys.usage("*")):
        for measures in usage_of(await pool.redis.hgetall(key)).values():
            found.update(measures)
    return found


async def is_applied(pool: Pool) -> bool:
    return await pool.broker.ask(ledger.length(POOL)) == 0


async def test_ends_are_counted_as_they_come(pool: Pool) -> None:
    await end(pool, 3)
    async with reading(pool):
        await until(lambda: is_applied(pool))
        await end(pool, 2)
        await until(lambda: is_applied(pool))
    assert await used(pool) == {"jobs": 5, "completed": 5, "completion_tokens": 10}


async def test_more_than_a_page_is_counted_once(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("background.ledger_reader._PAGE", 3)
    await end(pool, 11)
    async with reading(pool):
        await until(lambda: is_applied(pool))
    assert (await used(pool))["jobs"] == 11


async def test_of_several_one_reads_and_another_goes_on_when_it_falls_silent(pool: Pool) -> None:
    async with AsyncExitStack() as second:
        async with reading(pool, "background:1"):
            await until(lambda: _holder(pool, b"background:1"))
            await second.enter_async_context(reading(pool, "background:2"))
            await end(pool, 2)
            await until(lambda: is_applied(pool))
            assert await _holder(pool, b"background:1")
        await end(pool, 3)
        await until(lambda: is_applied(pool))
        assert await _holder(pool, b"background:2")
    assert (await used(pool))["jobs"] == 5


async def test_two_that_both_believe_to_read_count_each_end_once(pool: Pool) -> None:
    """The lease is taken from each of them again and again, between any two of its steps."""
    async with reading(pool, "background:1"), reading(pool, "background:2"):
        for number in range(60):
            await end(pool, 1)
            await pool.redis.set(pool.keys.ledger_leader, f"background:{number % 2 + 1}")
        await until(lambda: is_applied(pool))
    assert (await used(pool))["jobs"] == 60


async def test_an_entry_that_nobody_can_read_is_left_out_and_counted(pool: Pool) -> None:
    before = metrics.LEDGER_UNREADABLE.labels(POOL)._value.get()
    await pool.redis.xadd(pool.keys.ledger, {"what": "is this"})
    await end(pool, 1)
    async with reading(pool):
        await until(lambda: is_applied(pool))
    assert (await used(pool))["jobs"] == 1
    assert metrics.LEDGER_UNREADABLE.labels(POOL)._value.get() == before + 1


@pytest.mark.parametrize("key", ["ledger_cursor", "ledger_leader"])
async def test_a_key_of_another_type_is_waited_out(pool: Pool, key: str) -> None:
    wrong = getattr(pool.keys, key)
    await pool.redis.delete(wrong)
    await pool.redis.sadd(wrong, "mine")
    await end(pool, 2)
    async with reading(pool):
        await until(_is_troubled)
        await pool.redis.delete(wrong)
        await until(lambda: is_applied(pool))
    assert (await used(pool))["jobs"] == 2


async def _holder(pool: Pool, token: bytes) -> bool:
    found: bytes | None = await pool.redis.get(pool.keys.ledger_leader)
    return found == token


async def _is_troubled() -> bool:
    troubles: float = metrics.POOL_TROUBLES.labels(POOL, "ledger")._value.get()
    return troubles > 0
