"""Lists of jobs lose those whose records are gone, though nobody reads them."""

from __future__ import annotations

import pytest

from background import index_sweep
from background.index_sweep import IndexSweep
from penstock.broker import ledger
from penstock.job import State
from penstock.usage import counts
from tests.integration.broker.pool import POOL, Pool

READER = "background:1"


async def ended(pool: Pool, count: int) -> list[str]:
    """Jobs that ended and are counted."""
    jobs = []
    for _ in range(count):
        held = await pool.running("w.1")
        await pool.finish("w.1", held, State.COMPLETED)
        jobs.append(held.job)
    page = await pool.broker.ask(ledger.after(POOL, "", 1000))
    await pool.broker.run(ledger.lead(POOL, READER, 60_000))
    call = ledger.apply(POOL, READER, before="", last=page.last, counts=counts(page.entries), keep_ms=60_000)
    assert await pool.broker.run(call) == "applied"
    return jobs


async def listed(pool: Pool) -> list[str]:
    """Sorted: the list's own order is by time, and several may be made within a millisecond."""
    return sorted(one.decode() for one in await pool.redis.zrange(pool.keys.job_index("acme"), 0, -1))


async def test_jobs_whose_records_are_gone_are_struck_off(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index_sweep, "_PAGE", 3)
    jobs = await ended(pool, 10)
    await pool.redis.delete(*(pool.keys.job(one) for one in jobs[:7]))
    await IndexSweep(pool.broker, [POOL]).once()
    assert await listed(pool) == sorted(jobs[7:])


async def test_a_list_of_another_type_holds_up_no_other_pool(pool: Pool) -> None:
    jobs = await ended(pool, 2)
    await pool.redis.set("penstock:{other}:usage:" + (await _today(pool)), "no hash")
    await pool.redis.delete(pool.keys.job(jobs[0]))
    await IndexSweep(pool.broker, ["other", POOL]).once()
    assert await listed(pool) == jobs[1:]


async def _today(pool: Pool) -> str:
    (key,) = await pool.redis.keys(pool.keys.usage("*"))
    return str(key.decode().rpartition(":")[2])
