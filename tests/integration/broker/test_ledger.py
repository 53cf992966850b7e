"""The ledger: an entry for each end, applied once."""

from __future__ import annotations

from collections import Counter

import pytest

from penstock.broker import ledger
from penstock.broker.ledger import Page
from penstock.errors import BrokerDataError
from penstock.job import State
from penstock.usage import Line, counts, day_of, usage_of
from tests.integration.broker.pool import POOL, Pool

READER = "background:1"


async def read(pool: Pool, place: str = "", count: int = 100) -> Page:
    return await pool.broker.ask(ledger.after(POOL, place, count))


async def apply(pool: Pool, page: Page, *, token: str = READER, before: str = "") -> str:
    call = ledger.apply(POOL, token, before=before, last=page.last, counts=counts(page.entries), keep_ms=60_000)
    return await pool.broker.run(call)


async def used(pool: Pool) -> dict[Line, dict[str, int]]:
    days = [key.decode().rpartition(":")[2] for key in await pool.redis.keys(pool.keys.usage("*"))]
    found = [usage_of(await pool.broker.ask(ledger.usage(POOL, day))) for day in days]
    return found[0] if found else {}


@pytest.fixture
async def ended(pool: Pool) -> list[str]:
    """Three jobs that ended: completed, expired and dead-lettered or failed; in this order."""
    await pool.lead()
    await pool.register("w.1")
    done = await pool.running("w.1", key="laptop")
    await pool.finish("w.1", done, count=7)
    late = await pool.queued(queue_timeout_ms=0)
    await pool.withdraw(late, State.EXPIRED)
    failed = await pool.running("w.1")
    await pool.finish("w.1", failed, State.FAILED, count=2)
    assert await pool.broker.run(ledger.lead(POOL, READER, 60_000))
    return [done.job, late, failed.job]


async def test_each_end_is_one_entry_that_says_what_came_of_it(pool: Pool, ended: list[str]) -> None:
    entries = (await read(pool)).entries
    assert [entry.job for entry in entries] == ended
    assert [entry.state for entry in entries] == [State.COMPLETED, State.EXPIRED, State.FAILED]
    first = entries[0]
    job = await pool.read(first.job)
    assert (first.tenant, first.key, first.model, first.job_class) == ("acme", "laptop", "sim", "standard")
    assert (first.created_ms, first.assigned_ms, first.started_ms) == (job.created_ms, job.assigned_ms, job.started_ms)
    assert (first.first_token_ms, first.finished_ms) == (job.started_ms + 5, job.finished_ms)
    assert (first.outcome.finish_reason, first.outcome.completion_tokens) == ("stop", 7)
    assert (entries[1].started_ms, entries[1].key) == (0, "")


async def test_what_is_applied_is_counted_and_gone(pool: Pool, ended: list[str]) -> None:
    page = await read(pool)
    assert await apply(pool, page) == "applied"
    assert await used(pool) == {
        Line("acme", "laptop", "sim", "standard"): {"jobs": 1, "completed": 1, "completion_tokens": 7},
        Line("acme", "", "sim", "standard"): {"jobs": 2, "expired": 1, "failed": 1, "completion_tokens": 2},
    }
    assert await pool.broker.ask(ledger.length(POOL)) == 0
    assert await pool.broker.ask(ledger.cursor(POOL)) == page.last
    assert 0 < await pool.redis.pttl(pool.keys.usage(day_of(page.entries[0].finished_ms))) <= 60_000


async def test_it_is_applied_once_however_often_it_is_said(pool: Pool, ended: list[str]) -> None:
    whole, first = await read(pool), await read(pool, count=1)
    assert await apply(pool, first) == "applied"
    assert await apply(pool, first) == "moved"
    assert await apply(pool, whole) == "moved"
    rest = await read(pool, first.last)
    assert await apply(pool, rest, before=first.last) == "applied"
    assert sum((Counter(line) for line in (await used(pool)).values()), Counter())["jobs"] == len(ended)


async def test_who_does_not_lead_applies_nothing(pool: Pool, ended: list[str]) -> None:
    assert not await pool.broker.run(ledger.lead(POOL, "background:2", 60_000))
    assert await apply(pool, await read(pool), token="background:2") == "not_leader"
    assert await used(pool) == {}
    await pool.redis.delete(pool.keys.ledger_leader)
    assert await pool.broker.run(ledger.lead(POOL, "background:2", 60_000))
    assert await apply(pool, await read(pool)) == "not_leader"


async def test_a_repeated_end_is_no_second_entry(pool: Pool) -> None:
    await pool.lead()
    await pool.register("w.1")
    held = await pool.running("w.1")
    assert await pool.finish("w.1", held) == "finished"
    assert await pool.finish("w.1", held) == "repeated"
    assert await pool.finish("w.1", held, State.FAILED) == "stale"
    assert len((await read(pool)).entries) == 1


@pytest.mark.parametrize("key", ["ledger", "usage"])
async def test_a_key_of_another_type_stops_it_before_anything_is_written(
    pool: Pool, ended: list[str], key: str
) -> None:
    page = await read(pool)
    wrong = pool.keys.ledger if key == "ledger" else pool.keys.usage(day_of(page.entries[0].finished_ms))
    await pool.redis.delete(wrong)
    await pool.redis.set(wrong, "mine")
    with pytest.raises(BrokerDataError):
        await apply(pool, page)
    assert await pool.broker.ask(ledger.cursor(POOL)) == ""
    await pool.redis.delete(wrong)
    assert await apply(pool, page) == "applied"


async def test_something_else_under_its_key_is_put_aside_and_no_end_waits(pool: Pool) -> None:
    await pool.lead()
    await pool.register("w.1")
    held = await pool.running("w.1")
    waiting = await pool.queued()
    await pool.redis.set(pool.keys.ledger, "mine")
    assert await pool.finish("w.1", held) == "finished"
    assert await pool.withdraw(waiting, State.CANCELLED) == "withdrawn"
    assert [entry.job for entry in (await read(pool)).entries] == [held.job, waiting]
    assert await pool.redis.get(f"{pool.keys.ledger}:displaced") == b"mine"


async def test_an_entry_that_nobody_can_read_does_not_hold_up_the_others(pool: Pool, ended: list[str]) -> None:
    await pool.redis.xadd(pool.keys.ledger, {"what": "is this"})
    page = await read(pool)
    assert [entry.job for entry in page.entries] == ended
    assert page.unreadable == [page.last]
    assert await apply(pool, page) == "applied"
