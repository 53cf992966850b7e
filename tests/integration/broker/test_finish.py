"""How a running job leaves its worker: with tokens on the way, finished, kept, or handed back."""

from __future__ import annotations

import asyncio

import pytest

from penstock.broker import holding
from penstock.broker.holding import Claimed, Held
from penstock.broker.query import Query
from penstock.frames import Delta, encode_frame, replay
from penstock.job import RESUME_LANE, State
from tests.integration.broker.pool import NOTHING, POOL, Pool, result, tokens


def _frame(held: Held, start: int, stop: int) -> bytes:
    whole = tokens(stop)
    return encode_frame("w.1", [Delta(held.job, held.fence, start, whole.tokens[start:], whole.pieces[start:])])


async def _journal(pool: Pool, instance: str) -> list[bytes]:
    """Every frame; redis-py's dictionaries would keep one field of each name."""
    query = Query(("XRANGE", pool.keys.journal(instance), "-", "+"), list)
    return [frame for _, fields in await pool.broker.ask(query) for frame in fields[1::2]]


async def test_a_step_is_journalled_and_sent_to_whom_it_concerns(pool: Pool) -> None:
    held = await pool.running("w.1")
    frames, snapshot = [_frame(held, 0, 1), _frame(held, 0, 2)], _frame(held, 0, 3)
    async with pool.redis.pubsub() as ears:
        await ears.subscribe("a", "b")
        step = await pool.broker.run(
            holding.emit(POOL, "w.1", "", frames, [("a", 0), ("b", 0), ("a", 1), ("b", 2)], unjournalled=[snapshot])
        )
        heard: list[tuple[bytes, bytes]] = []
        async with asyncio.timeout(5):
            while len(heard) < 4:
                message = await ears.get_message(ignore_subscribe_messages=True, timeout=1)
                if message:
                    heard.append((message["channel"], message["data"]))
    assert heard == [(b"a", frames[0]), (b"b", frames[0]), (b"a", frames[1]), (b"b", snapshot)]
    assert await _journal(pool, "w.1") == frames
    assert step.count("-") == 1


async def test_a_snapshot_alone_is_not_journalled(pool: Pool) -> None:
    held = await pool.running("w.1")
    call = holding.emit(POOL, "w.1", "", [], [("a", 0)], unjournalled=[_frame(held, 0, 1)])
    assert await pool.broker.run(call) == ""
    assert await _journal(pool, "w.1") == []


async def test_a_step_sent_twice_replays_once(pool: Pool) -> None:
    held = await pool.running("w.1")
    for start in (0, 0, 2, 0):
        await pool.broker.run(holding.emit(POOL, "w.1", "", [_frame(held, start, start + 2)], []))
    generated = tokens(0)
    replay({(held.job, held.fence): generated}, await _journal(pool, "w.1"))
    assert generated == tokens(4)


async def test_the_journal_forgets_what_nobody_needs(pool: Pool) -> None:
    held = await pool.running("w.1")
    oldest = ""
    for step in range(500):
        oldest = await pool.broker.run(holding.emit(POOL, "w.1", oldest, [_frame(held, step, step + 1)], []))
    assert await pool.redis.xlen(pool.keys.journal("w.1")) < 250


async def test_a_journal_that_is_cleared_loses_nothing_that_came_after(pool: Pool) -> None:
    held = await pool.running("w.1")
    steps = [await pool.broker.run(holding.emit(POOL, "w.1", "", [_frame(held, at, at + 1)], [])) for at in range(3)]
    clear = holding.clear_journal(POOL, "w.1", steps[1])
    for _ in range(2):
        assert await pool.broker.run(clear) == "cleared"
        assert await _journal(pool, "w.1") == [_frame(held, 2, 3)]
    await pool.lose("w.1")
    assert await pool.broker.run(holding.clear_journal(POOL, "w.1", steps[2])) == "fenced"
    assert len(await _journal(pool, "w.1")) == 1


async def test_what_is_no_journal_is_not_cleared_and_holds_up_nobody(pool: Pool) -> None:
    await pool.running("w.1")
    await pool.redis.set(pool.keys.journal("w.1"), "no journal")
    assert await pool.broker.run(holding.clear_journal(POOL, "w.1", "1-0")) == "cleared"
    assert await pool.redis.get(pool.keys.journal("w.1")) == b"no journal"


async def test_a_lost_worker_can_send_nothing(pool: Pool) -> None:
    held = await pool.running("w.1")
    await pool.lose("w.1")
    assert await pool.broker.run(holding.emit(POOL, "w.1", "", [_frame(held, 0, 1)], [("a", 0)])) == "fenced"
    assert await _journal(pool, "w.1") == []


async def test_a_finished_job_keeps_its_result_for_its_time_and_frees_its_slot(pool: Pool) -> None:
    held = await pool.running("w.1", result_ttl_ms=5000)
    assert await pool.finish("w.1", held) == "finished"
    job = await pool.read(held.job)
    assert (job.state, job.result) == (State.COMPLETED, result(State.COMPLETED, 3))
    assert job.first_token_ms == job.started_ms + 5
    assert job.finished_ms >= job.started_ms
    assert 0 < await pool.redis.pttl(pool.keys.job(held.job)) <= 5000
    assert await pool.inbox("w.1") == []
    assert await pool.redis.zscore(pool.keys.live, held.job) is None


async def test_finishing_tells_those_who_wait_for_the_answer(pool: Pool) -> None:
    held = await pool.running("w.1")
    async with pool.redis.pubsub() as ears:
        await ears.subscribe("channel")
        await pool.finish("w.1", held)
        async with asyncio.timeout(5):
            while not (message := await ears.get_message(ignore_subscribe_messages=True, timeout=1)):
                pass
    assert message["data"] == b"last"


@pytest.mark.parametrize("is_awaited", [True, False])
async def test_a_free_slot_rings_the_bell_where_a_job_waits_for_one(pool: Pool, is_awaited: bool) -> None:  # noqa: FBT001
    held = await pool.running("w.1")
    if is_awaited:
        await pool.queued()
    await pool.redis.delete(pool.keys.wake_up)
    await pool.finish("w.1", held)
    assert await pool.redis.llen(pool.keys.wake_up) == int(is_awaited)


async def test_finishing_twice_finishes_once(pool: Pool) -> None:
    held = await pool.running("w.1")
    await pool.finish("w.1", held)
    before = await pool.read(held.job)
    assert await pool.finish("w.1", held, count=7) == "repeated"
    assert await pool.read(held.job) == before


@pytest.mark.parametrize("second", [State.FAILED, State.CANCELLED])
async def test_a_job_ends_only_once(pool: Pool, second: State) -> None:
    held = await pool.running("w.1")
    await pool.finish("w.1", held)
    assert await pool.finish("w.1", held, second) == "stale"
    assert await pool.state(held.job) is State.COMPLETED


async def test_a_job_that_fails_before_it_runs_ends_as_well(pool: Pool) -> None:
    held = await pool.assigned("w.1")
    assert await pool.finish("w.1", held, State.FAILED) == "finished"


async def test_a_lost_worker_can_finish_nothing(pool: Pool) -> None:
    held = await pool.running("w.1")
    await pool.lose("w.1")
    assert await pool.finish("w.1", held) == "fenced"
    assert await pool.hand_back("w.1", held) == "fenced"
    assert await pool.broker.run(holding.checkpoint(POOL, "w.1", held, tokens(1))) == "fenced"
    assert await pool.state(held.job) is State.RUNNING
    assert len(await pool.inbox("w.1")) == 1


async def test_a_job_that_went_on_elsewhere_is_stale_and_its_old_entry_is_dropped(pool: Pool) -> None:
    await pool.register("x.1")
    held = await pool.running("w.1")
    await pool.hand_back("w.1", held)
    await pool.assign(held.job, "x.1")
    leftover = await pool.redis.xadd(pool.keys.inbox("w.1"), {"j": held.job, "f": held.fence})
    late = Held(held.job, held.fence, leftover.decode())
    assert await pool.finish("w.1", late) == "stale"
    assert await pool.hand_back("w.1", late) == "stale"
    assert await pool.broker.run(holding.checkpoint(POOL, "w.1", late, tokens(1))) == "stale"
    assert await pool.inbox("w.1") == []
    assert await pool.state(held.job) is State.ASSIGNED


async def test_a_job_that_was_handed_back_cannot_be_ended_by_who_had_it(pool: Pool) -> None:
    held = await pool.running("w.1")
    await pool.hand_back("w.1", held)
    assert await pool.finish("w.1", held, State.CANCELLED) == "stale"
    assert await pool.state(held.job) is State.QUEUED


async def test_a_job_whose_record_is_gone_is_stale(pool: Pool) -> None:
    held = await pool.running("w.1")
    await pool.redis.delete(pool.keys.job(held.job))
    assert await pool.finish("w.1", held) == "stale"
    assert not await pool.redis.exists(pool.keys.job(held.job))


async def test_a_handed_back_job_waits_with_what_it_has(pool: Pool) -> None:
    held = await pool.running("w.1", queue_timeout_ms=1000)
    assert await pool.hand_back("w.1", held) == "queued"
    job = await pool.read(held.job)
    assert (job.state, job.lane, job.prefix, job.losses) == (State.QUEUED, RESUME_LANE, tokens(2), 0)
    assert await pool.inbox("w.1") == []
    assert await pool.redis.zscore(pool.keys.live, job.id) == job.deadline_ms
    again = await pool.assign(held.job, "w.1")
    assert again.fence == held.fence + 1
    claimed = await pool.claim("w.1", again)
    assert isinstance(claimed, Claimed)
    assert claimed.prefix == tokens(2)


async def test_handing_back_twice_queues_once(pool: Pool) -> None:
    held = await pool.running("w.1")
    await pool.hand_back("w.1", held)
    assert await pool.hand_back("w.1", held, count=9) == "queued"
    assert await pool.redis.xlen(pool.keys.lane(RESUME_LANE)) == 1
    assert (await pool.read(held.job)).prefix == tokens(2)


async def test_a_checkpoint_is_what_a_reader_finds_in_the_record(pool: Pool) -> None:
    held = await pool.running("w.1")
    assert await pool.broker.run(holding.checkpoint(POOL, "w.1", held, tokens(4))) == "kept"
    assert (await pool.read(held.job)).prefix == tokens(4)


async def test_a_result_takes_the_place_of_the_checkpoint(pool: Pool) -> None:
    held = await pool.running("w.1")
    await pool.broker.run(holding.checkpoint(POOL, "w.1", held, tokens(4)))
    await pool.finish("w.1", held)
    assert (await pool.read(held.job)).prefix == NOTHING
    assert await pool.broker.run(holding.checkpoint(POOL, "w.1", held, tokens(4))) == "stale"
    assert (await pool.read(held.job)).prefix == NOTHING
