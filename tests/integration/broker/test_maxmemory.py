"""At its memory limit Redis takes no new work, and lets go of none that it has."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from penstock.broker import holding, leading, mending, submission
from penstock.broker.holding import Claimed
from penstock.broker.submission import Attached
from penstock.errors import BrokerFullError
from penstock.job import State
from tests.integration.broker.pool import LEADER, POOL, Pool, result, tokens


@asynccontextmanager
async def _memory_limit(pool: Pool) -> AsyncIterator[None]:
    """Whatever is stored by now is already too much."""
    await pool.redis.config_set("maxmemory", 1)
    try:
        yield
    finally:
        await pool.redis.config_set("maxmemory", 0)


async def test_new_work_is_refused_and_leaves_nothing_behind(pool: Pool) -> None:
    await pool.queued()
    before = sorted(await pool.redis.keys())
    async with _memory_limit(pool):
        with pytest.raises(BrokerFullError):
            await pool.submit(tenant="another")
    assert sorted(await pool.redis.keys()) == before
    assert await pool.redis.hgetall(pool.keys.lane_counts) == {b"standard:acme": b"1"}


async def test_accepted_work_is_assigned_runs_and_finishes(pool: Pool) -> None:
    job_id = await pool.queued()
    async with _memory_limit(pool):
        assert await pool.lead()
        held = await pool.assign(job_id, "w.1")
        assert isinstance(await pool.claim("w.1", held), Claimed)
        assert await pool.broker.run(holding.beat(POOL, "w.1", "ready", {})) == "alive"
        assert await pool.broker.run(holding.emit(POOL, "w.1", "", [b"frame"], [("a", 0)])) != "fenced"
        assert await pool.broker.run(holding.checkpoint(POOL, "w.1", held, tokens(2))) == "kept"
        attached = await pool.broker.run(submission.attach(POOL, job_id, "w.1", "s:b", 0))
        assert isinstance(attached, Attached)
        assert await pool.finish("w.1", held) == "finished"
    assert await pool.state(job_id) is State.COMPLETED


async def test_accepted_work_moves_on_when_its_worker_goes(pool: Pool) -> None:
    handed, lost = await pool.running("w.1"), await pool.running("w.1")
    async with _memory_limit(pool):
        assert await pool.hand_back("w.1", handed) == "queued"
        assert await pool.lose("w.1") == "lost"
        loss = leading.Loss(
            counted=True,
            max_losses=1,
            evidence=b"{}",
            if_cancelled=result(State.CANCELLED),
            if_dead=result(State.DEAD_LETTERED),
        )
        call = leading.requeue(
            POOL,
            LEADER,
            job_id=lost.job,
            fence=lost.fence,
            instance="w.1",
            entry=lost.entry,
            prefix=tokens(1),
            queue_timeout_ms=1,
            loss=loss,
        )
        assert await pool.broker.run(call) == "dead_lettered"
        assert await pool.register("w.2", before="w.1") == "registered"
        assert await pool.broker.run(leading.retire(POOL, "w.1", "w")) == "retired"
        assert isinstance(await pool.claim("w.2", await pool.assign(handed.job, "w.2")), Claimed)


async def test_accepted_work_can_be_cancelled(pool: Pool) -> None:
    waiting, held = await pool.queued(), await pool.running("w.1")
    async with _memory_limit(pool):
        assert await pool.withdraw(waiting, State.CANCELLED) == "withdrawn"
        assert await pool.request_cancel(held.job, "w.1") == "requested"
        assert await pool.broker.run(leading.abort(POOL, "w.1", held.job, held.fence)) == "told"


async def test_what_disagrees_is_mended(pool: Pool) -> None:
    job = await pool.read(await pool.queued())
    await pool.redis.delete(pool.keys.lane(job.lane), pool.keys.lane_counts)
    await pool.redis.zadd(pool.keys.live, {"sim-0": 1})
    async with _memory_limit(pool):
        assert await pool.broker.run(mending.restore(POOL, LEADER, job.id, job.lane, job.entry)) == "restored"
        entry = (await pool.read(job.id)).entry
        await pool.redis.delete(pool.keys.job(job.id))
        assert await pool.broker.run(mending.sweep_lane(POOL, LEADER, job.lane, [(job.id, entry)])) == 1
        assert await pool.broker.run(mending.unlist(POOL, LEADER, "sim-0")) == "unlisted"
