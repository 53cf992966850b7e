"""Something else lies under a worker's keys for a while: it waits, says so once, and serves again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence

import pytest
from structlog.testing import capture_logs

from penstock.broker import leading, tail
from penstock.broker.keys import PoolKeys
from penstock.errors import EngineDeadError
from penstock.frames import encode_generated
from penstock.job import State
from penstock.telemetry import events
from tests.eventual import until as eventually
from tests.integration.broker.pool import LEADER, NOTHING, POOL, Pool
from tests.integration.workers.workplace import SLOW, Ear, Hand, body, ended, engine, tokens_of, until
from workers.engine.simulated import SimulatedEngine

Hire = Callable[..., Hand]


@pytest.fixture(autouse=True)
def quick_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker looks again at what it could not do whenever a read ends."""
    monkeypatch.setattr(tail, "_BLOCK_MS", 100)


async def serves(pool: Pool, instance: str) -> bool:
    job = await ended(pool, (await pool.assigned(instance, body=body(max_tokens=2))).job)
    return job.state is State.COMPLETED


def troubles(logs: Sequence[Mapping[str, object]]) -> int:
    return sum(entry["event"] == events.WORKER_TROUBLE for entry in logs)


async def test_an_idle_workers_record_is_replaced_and_then_deleted(hire: Hire, pool: Pool) -> None:
    hand = hire(heartbeat_s=0.05)
    first = await hand.ready(pool)
    await pool.redis.delete(pool.keys.worker(first))
    await pool.redis.set(pool.keys.worker(first), "no record")
    await asyncio.sleep(0.9)
    assert hand.notes.instances == [first]
    await pool.redis.delete(pool.keys.worker(first))
    await until(lambda: hand.instance != first)
    assert await serves(pool, await hand.ready(pool))


@pytest.mark.parametrize("key", [PoolKeys.inbox, PoolKeys.control])
async def test_a_stream_of_an_idle_worker_is_no_stream_for_a_while(
    hire: Hire, pool: Pool, key: Callable[[PoolKeys, str], str]
) -> None:
    instance = await hire().ready(pool)
    with capture_logs() as logs:
        await pool.redis.set(key(pool.keys, instance), "no stream")
        await until(lambda: troubles(logs) > 0)
        await asyncio.sleep(0.5)
        await pool.redis.delete(key(pool.keys, instance))
        assert await serves(pool, instance)
    assert troubles(logs) == 1
    assert [entry["event"] for entry in logs].count(events.WORKER_TROUBLE_OVER) == 1


async def test_a_journal_that_is_none_for_a_while_costs_no_token(hire: Hire, pool: Pool, ear: Ear) -> None:
    instance = await hire(engine=engine(SLOW)).ready(pool)
    raw = body(max_tokens=60)
    with capture_logs() as logs:
        held = await pool.assigned(instance, body=raw, listeners=ear.stream)
        await ear.tokens(held.job, 3)
        await pool.redis.delete(pool.keys.journal(instance))
        await pool.redis.set(pool.keys.journal(instance), "no journal")
        await until(lambda: troubles(logs) > 0)
        await pool.redis.delete(pool.keys.journal(instance))
        await ear.end(held.job)
    assert ear.heard(held.job).tokens == tokens_of(raw, SLOW)
    assert troubles(logs) == 1


async def test_a_worker_that_cannot_write_is_fenced_all_the_same(hire: Hire, pool: Pool, ear: Ear) -> None:
    hand = hire(engine=engine(SLOW), heartbeat_s=0.05)
    first = await hand.ready(pool)
    held = await pool.assigned(first, body=body(max_tokens=500), listeners=ear.stream)
    await ear.tokens(held.job, 3)
    with capture_logs() as logs:
        await pool.redis.set(pool.keys.journal(first), "no journal")
        await until(lambda: troubles(logs) > 0)
        await pool.lose(first)
        await until(lambda: hand.instance != first)
    assert await serves(pool, await hand.ready(pool))


async def test_a_job_whose_tokens_cannot_be_read_keeps_no_other(hire: Hire, pool: Pool) -> None:
    instance = await hire().ready(pool)
    with capture_logs() as logs:
        broken = await pool.queued(body=body(max_tokens=2))
        waiting = await pool.read(broken)
        await pool.redis.hset(pool.keys.job(broken), "prefix", b"\xc1")
        await pool.broker.run(leading.assign(POOL, LEADER, broken, waiting.lane, waiting.entry, instance))
        await until(lambda: troubles(logs) > 0)
        assert await serves(pool, instance)
        await pool.redis.hset(pool.keys.job(broken), "prefix", encode_generated(NOTHING))
        assert (await ended(pool, broken)).state is State.COMPLETED
    assert troubles(logs) == 1


async def test_an_inbox_entry_that_nobody_of_ours_wrote_takes_no_slot(hire: Hire, pool: Pool) -> None:
    instance = await hire().ready(pool)
    with capture_logs() as logs:
        await pool.redis.xadd(pool.keys.inbox(instance), {"x": "y"})
        await pool.redis.xadd(pool.keys.control(instance), {"cancel": "job", "fence": "none"})
        assert await serves(pool, instance)

        async def are_empty() -> bool:
            inbox, control = pool.keys.inbox(instance), pool.keys.control(instance)
            return not await pool.redis.xlen(inbox) and not await pool.redis.xlen(control)

        await eventually(are_empty)
    assert sum(len(entry["entries"]) for entry in logs if entry["event"] == events.ENTRY_UNREADABLE) == 2


async def test_a_worker_registers_once_the_registry_is_one_again(hire: Hire, pool: Pool) -> None:
    await pool.redis.set(pool.keys.workers, "no registry")
    with capture_logs() as logs:
        hand = hire()
        await until(lambda: troubles(logs) > 0)
        assert hand.notes.instances == []
        await pool.redis.delete(pool.keys.workers)
        assert await serves(pool, await hand.ready(pool))
    assert troubles(logs) == 1


class Uncancellable(SimulatedEngine):
    """An engine with a fault of its own."""

    async def cancel(self, ids: object) -> None:
        raise RuntimeError(f"cannot cancel {ids}")


async def test_a_task_that_ends_by_an_error_ends_the_worker(hire: Hire, pool: Pool) -> None:
    hand = hire(engine=Uncancellable(SLOW))
    instance = await hand.ready(pool)
    # Its stop string ends it before the engine does.
    await pool.assigned(instance, body=body(max_tokens=500, stop=["a", "e"]))
    with pytest.raises(RuntimeError, match="cannot cancel"):
        await hand.life
    assert not isinstance(hand.life.exception(), EngineDeadError)
