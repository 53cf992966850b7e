"""A job's request and answer are erased when somebody asks for it: at once, or with its end."""

from __future__ import annotations

import pytest

from penstock.broker import ledger, submission
from penstock.broker.records import record
from penstock.broker.submission import Accepted, Attached, Exists
from penstock.frames import End, Failure, Generated, Result
from penstock.job import State, first_fence
from tests.integration.broker.pool import POOL, Pool

LEFT = Result(End(State.CANCELLED, failure=Failure("NotFoundError", "The job was erased.")), Generated([], []))
#: What no key of Redis may hold after it.
SECRET = b"a secret"


async def purge(pool: Pool, job_id: str) -> str:
    return await pool.broker.run(submission.purge(POOL, job_id, LEFT))


async def holds_secret(pool: Pool, job_id: str) -> bool:
    found = await pool.redis.hgetall(pool.keys.job(job_id))
    return any(SECRET in value for value in found.values())


@pytest.fixture
async def instance(pool: Pool) -> str:
    await pool.lead()
    await pool.register("w.1")
    return "w.1"


async def test_a_job_that_has_ended_is_erased_at_once(pool: Pool, instance: str) -> None:
    held = await pool.running(instance, body=SECRET, metadata=SECRET.decode(), trace=SECRET.decode())
    await pool.finish(instance, held)
    assert await purge(pool, held.job) == "purged"
    assert not await holds_secret(pool, held.job)
    assert await pool.broker.ask(record(POOL, held.job)) is None
    assert await purge(pool, held.job) == "purged"


async def test_a_job_that_waits_is_erased_when_it_is_withdrawn(pool: Pool) -> None:
    job_id = await pool.queued(body=SECRET)
    assert await purge(pool, job_id) == "marked"
    job = await pool.read(job_id)
    end = Result(End(State.CANCELLED), Generated([], []))
    call = submission.withdraw(POOL, job_id, job.lane, job.fence, State.CANCELLED, end, [])
    assert [await pool.broker.run(call) for _ in range(2)] == ["withdrawn", "repeated"]
    assert not await holds_secret(pool, job_id)


async def test_a_job_that_runs_is_erased_when_its_worker_ends_it(pool: Pool, instance: str) -> None:
    held = await pool.running(instance, body=SECRET)
    assert await purge(pool, held.job) == "marked"
    assert [await pool.finish(instance, held, State.CANCELLED) for _ in range(2)] == ["finished", "repeated"]
    assert not await holds_secret(pool, held.job)
    assert [entry.job for entry in (await pool.broker.ask(ledger.after(POOL, "", 10))).entries] == [held.job]


async def test_who_still_listens_is_told(pool: Pool, instance: str) -> None:
    held = await pool.running(instance)
    await pool.finish(instance, held)
    await purge(pool, held.job)
    reply = await pool.broker.run(submission.attach(POOL, held.job, "", "s:a", 0))
    assert isinstance(reply, Attached)
    assert reply.result == LEFT


async def test_its_key_begins_anew(pool: Pool, instance: str) -> None:
    held = await pool.running(instance)
    await pool.finish(instance, held)
    await purge(pool, held.job)
    _, reply = await pool.submit(id=held.job)
    assert isinstance(reply, Exists)
    assert reply.digest == ""
    _, reply = await pool.submit(id=held.job, fence=first_fence(1), replaces=reply.fence)
    assert isinstance(reply, Accepted)
    assert (await pool.read(held.job)).state is State.QUEUED


async def test_what_remains_goes_soon(pool: Pool, instance: str) -> None:
    held = await pool.running(instance, result_ttl_ms=10_000_000)
    await pool.finish(instance, held)
    await purge(pool, held.job)
    assert await pool.redis.pttl(pool.keys.job(held.job)) <= 60_000


async def test_there_is_nothing_to_erase_where_there_is_no_job(pool: Pool) -> None:
    assert await purge(pool, f"{POOL}-nothing") == "missing"
