"""Workers whose interpreter is kept busy, that are halted, and that hang: slow is not dead, and dead is noticed."""

from __future__ import annotations

import asyncio

import psutil
import pytest

from penstock.job import State
from penstock.worker_state import WorkerState
from tests.eventual import until
from tests.integration.broker.pool import Pool
from tests.integration.open_broker import OpenBroker
from tests.integration.scheduler.stage import pool_settings, scheduling
from tests.integration.workers.host.test_host import Start, pid_of, ready, start, worker_that
from tests.integration.workers.workplace import Ear, body, ended, state_of
from workers.pulse import PROCESS_NAME

__all__ = ["start"]

#: A third of the default, to make it harder.
LEASE_TTL_S = 1.5


@pytest.fixture
def pool(broker: OpenBroker) -> Pool:
    """Led by a scheduler, and not by the test."""
    return Pool(broker)


async def finished(pool: Pool, job_id: str) -> tuple[State, int]:
    """How a job ended, and how many workers it lost."""
    job = await ended(pool, job_id)
    return job.state, job.losses


async def test_a_call_that_keeps_the_interpreters_lock_for_two_leases_loses_no_worker(
    start: Start, pool: Pool, ear: Ear
) -> None:
    start(options={"seizure_s": 2 * LEASE_TTL_S}, lease_ttl_s=LEASE_TTL_S)
    (instance,) = await ready(pool)
    async with scheduling(pool.broker, settings=pool_settings(lease_ttl_s=LEASE_TTL_S)):
        neighbour = await pool.queued(body=body(max_tokens=300, ignore_eos=True), listeners=ear.stream)
        await ear.tokens(neighbour, 1)
        seizing = await pool.queued(body=body("#sim:seize_at=5", max_tokens=20), listeners=ear.stream)
        assert await finished(pool, seizing) == (State.COMPLETED, 0)
        assert await finished(pool, neighbour) == (State.COMPLETED, 0)
    assert await ready(pool) == [instance]


async def test_a_worker_that_is_halted_for_longer_than_its_lease_goes_on_afterwards(
    start: Start, pool: Pool, ear: Ear
) -> None:
    start(lease_ttl_s=LEASE_TTL_S)
    (instance,) = await ready(pool)
    worker = psutil.Process(await pid_of(pool, instance))
    async with scheduling(pool.broker, settings=pool_settings(lease_ttl_s=LEASE_TTL_S)):
        job_id = await pool.queued(body=body(max_tokens=100, ignore_eos=True), listeners=ear.stream)
        await ear.tokens(job_id, 3)
        worker.suspend()
        await worker_that(pool, lambda status: status.state is WorkerState.STALLED)
        worker.resume()
        assert await finished(pool, job_id) == (State.COMPLETED, 0)
    assert await ready(pool) == [instance]


async def test_a_worker_that_hangs_loses_its_jobs_and_begins_anew_when_it_wakes(
    start: Start, pool: Pool, ear: Ear
) -> None:
    start(workers=2, worker_stall_s=2.0, lease_ttl_s=LEASE_TTL_S)
    await ready(pool, 2)
    async with scheduling(pool.broker, settings=pool_settings(lease_ttl_s=LEASE_TTL_S)):
        job_id = await pool.queued(body=body(max_tokens=200, ignore_eos=True), listeners=ear.stream)
        await ear.tokens(job_id, 3)
        instance = (await pool.redis.hget(pool.keys.job(job_id), "worker")).decode()
        worker = psutil.Process(await pid_of(pool, instance))
        worker.suspend()
        assert await finished(pool, job_id) == (State.COMPLETED, 1)
        worker.resume()
        instances = await ready(pool, 2)
        assert instance not in instances
    assert worker.pid in [await pid_of(pool, one) for one in instances]


async def pulse_of(pool: Pool, instance: str) -> psutil.Process:
    worker = psutil.Process(await pid_of(pool, instance))
    (pulse,) = (child for child in worker.children() if child.name() == PROCESS_NAME)
    return pulse


async def test_a_worker_without_its_pulse_ends_and_is_replaced(start: Start, pool: Pool) -> None:
    start()
    (instance,) = await ready(pool)
    (await pulse_of(pool, instance)).kill()
    successor, status = await worker_that(pool, lambda worker: worker.failures == 1)
    assert status.why == "The process that renews this worker's lease has ended."
    assert await pid_of(pool, successor) != await pid_of(pool, instance)


async def test_a_pulse_ends_with_its_worker_and_not_before(start: Start, pool: Pool) -> None:
    start()
    (instance,) = await ready(pool)
    pulse = await pulse_of(pool, instance)
    pulse.terminate()
    beat = await pool.redis.hget(pool.keys.worker(instance), "beat")

    async def beats_on() -> bool:
        return bool(await pool.redis.hget(pool.keys.worker(instance), "beat") != beat)

    await until(beats_on)
    psutil.Process(await pid_of(pool, instance)).kill()
    await asyncio.to_thread(pulse.wait, 5)


async def test_a_lost_host_is_noticed_after_the_lease(start: Start, pool: Pool, ear: Ear) -> None:
    host = start(lease_ttl_s=LEASE_TTL_S)
    (instance,) = await ready(pool)
    async with scheduling(pool.broker, settings=pool_settings(lease_ttl_s=LEASE_TTL_S)):
        job_id = await pool.queued(body=body(max_tokens=2000), listeners=ear.stream)
        await ear.tokens(job_id, 3)
        host.close()

        async def is_gone() -> bool:
            return await state_of(pool, instance) == "" and await pool.state(job_id) is State.QUEUED

        await until(is_gone, within_s=4 * LEASE_TTL_S)
