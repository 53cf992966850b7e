"""An ingress asks for a job's tokens, wherever the job is."""

from __future__ import annotations

import pytest

from penstock.broker import submission
from penstock.broker.holding import Claimed
from penstock.broker.submission import MAX_LISTENERS, Attached, Missing, Moved
from penstock.frames import encode_generated
from penstock.job import State
from tests.integration.broker.pool import NOTHING, POOL, Pool, result, tokens

#: Queue and run timeout of every job here.
PROMISED_MS = (60_000, 60_000)


async def _attach(
    pool: Pool, job_id: str, listener: str, *, worker: str = "", offset: int = 0
) -> Missing | Moved | Attached:
    return await pool.broker.run(submission.attach(POOL, job_id, worker, listener, offset))


async def test_whoever_attaches_to_a_waiting_job_is_named_in_its_record(pool: Pool) -> None:
    job_id = await pool.queued(listeners="s:a", prefix=encode_generated(tokens(2)))
    assert await _attach(pool, job_id, "s:b") == Attached(State.QUEUED, 0, tokens(2), None, *PROMISED_MS)
    assert (await pool.read(job_id)).listeners == "s:a,s:b"


async def test_the_worker_is_told_where_to_send_a_running_job_from(pool: Pool) -> None:
    held = await pool.running("w.1")
    assert await _attach(pool, held.job, "s:b", worker="w.1", offset=7) == Attached(
        State.RUNNING, 1, NOTHING, None, *PROMISED_MS
    )
    assert await pool.control("w.1") == [{b"attach": held.job.encode(), b"listener": b"s:b", b"offset": b"7"}]


async def test_an_assigned_job_takes_its_listeners_along(pool: Pool) -> None:
    held = await pool.assigned("w.1", listeners="s:a")
    await _attach(pool, held.job, "f:b", worker="w.1")
    claimed = await pool.claim("w.1", held)
    assert isinstance(claimed, Claimed)
    assert claimed.listeners == "s:a,f:b"


async def test_attaching_to_a_job_that_moved_says_where_to(pool: Pool) -> None:
    held = await pool.running("w.1")
    assert await _attach(pool, held.job, "s:b", worker="x.1") == Moved("w.1")
    assert (await pool.read(held.job)).listeners == ""


async def test_attaching_twice_names_it_once(pool: Pool) -> None:
    held = await pool.running("w.1", listeners="s:a")
    for _ in range(2):
        await _attach(pool, held.job, "s:b", worker="w.1")
    assert (await pool.read(held.job)).listeners == "s:a,s:b"


@pytest.mark.parametrize("state", [State.COMPLETED, State.FAILED, State.CANCELLED])
async def test_an_ended_job_answers_with_its_result(pool: Pool, state: State) -> None:
    held = await pool.running("w.1")
    await pool.finish("w.1", held, state)
    assert await _attach(pool, held.job, "s:b", worker="elsewhere") == Attached(
        state, 1, NOTHING, result(state, 3), *PROMISED_MS
    )
    assert await pool.control("w.1") == []


async def test_attaching_to_nothing_writes_nothing(pool: Pool) -> None:
    assert await _attach(pool, "sim-0", "s:b") == Missing()
    assert not await pool.redis.exists(pool.keys.job("sim-0"))


async def test_the_oldest_listener_makes_room(pool: Pool) -> None:
    job_id = await pool.queued()
    for number in range(MAX_LISTENERS + 2):
        await _attach(pool, job_id, f"s:{number}")
    assert (await pool.read(job_id)).listeners == ",".join(f"s:{number}" for number in range(2, MAX_LISTENERS + 2))
