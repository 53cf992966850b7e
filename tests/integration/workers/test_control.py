"""Cancelling jobs and attaching to them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest

from penstock.broker import leading, submission
from penstock.broker.client import Broker
from penstock.broker.submission import Attached
from penstock.job import State
from tests.integration.broker.pool import LEADER, POOL, Pool
from tests.integration.workers.workplace import SLOW, Ear, Hand, body, ended, engine, text_of, until

Hire = Callable[..., Hand]


@pytest.fixture
async def other_ear(broker: Broker) -> AsyncIterator[Ear]:
    ear = Ear(broker, "other")
    await ear.listen()
    yield ear
    await ear.close()


async def test_a_cancelled_job_stops_generating_and_keeps_what_it_has(hire: Hire, pool: Pool, ear: Ear) -> None:
    slow = engine(SLOW)
    instance = await hire(engine=slow).ready(pool)
    held = await pool.assigned(instance, body=body(max_tokens=2000), listeners=ear.stream)
    await ear.tokens(held.job, 3)
    assert await pool.broker.run(submission.request_cancel(POOL, held.job, instance, held.fence)) == "requested"
    end = await ear.end(held.job)
    assert end.state == State.CANCELLED
    job = await ended(pool, held.job)
    assert job.result is not None
    assert 3 <= len(job.result.generated.tokens) < 2000
    await until(lambda: slow.stats().running == 0)
    assert await pool.redis.xlen(pool.keys.control(instance)) == 0


async def test_a_job_cancelled_while_it_is_assigned_never_completes(hire: Hire, pool: Pool, ear: Ear) -> None:
    instance = await hire(engine=engine(SLOW)).ready(pool)
    job_id = await pool.queued(body=body(max_tokens=500), listeners=ear.stream)
    job = await pool.read(job_id)
    assign = leading.assign(POOL, LEADER, job_id, job.lane, job.entry, instance)
    assert await pool.broker.run_many([assign, submission.request_cancel(POOL, job_id, instance, 1)]) == [
        "assigned",
        "requested",
    ]
    assert (await ear.end(job_id)).state == State.CANCELLED
    assert await pool.inbox(instance) == []


async def test_who_attaches_gets_what_it_missed_and_then_every_step(
    hire: Hire, pool: Pool, ear: Ear, other_ear: Ear
) -> None:
    instance = await hire(engine=engine(SLOW)).ready(pool)
    raw = body("attach", max_tokens=40)
    held = await pool.assigned(instance, body=raw, listeners=ear.stream)
    await ear.tokens(held.job, 8)
    answer = await pool.broker.run(submission.attach(POOL, held.job, instance, other_ear.stream, 3))
    assert isinstance(answer, Attached)
    await other_ear.end(held.job)
    first = other_ear.of(held.job)[0]
    assert first.offset == 3
    assert len(first.tokens) >= 5
    heard = "".join(piece for delta in other_ear.of(held.job) for piece in delta.pieces)
    assert text_of(raw).endswith(heard)
    assert [delta.offset for delta in other_ear.of(held.job)][1] == 3 + len(first.tokens)
    await ear.end(held.job)
    assert "".join(ear.heard(held.job).pieces) == text_of(raw)


async def test_who_attaches_for_the_end_hears_the_end_only(hire: Hire, pool: Pool, ear: Ear) -> None:
    instance = await hire(engine=engine(SLOW)).ready(pool)
    raw = body(max_tokens=15)
    held = await pool.assigned(instance, body=raw)
    await pool.broker.run(submission.attach(POOL, held.job, instance, ear.final, 0))
    await ear.end(held.job)
    (delta,) = ear.of(held.job)
    assert "".join(delta.pieces) == text_of(raw)


async def test_attaching_to_a_job_that_is_not_here_harms_nobody(hire: Hire, pool: Pool, ear: Ear) -> None:
    instance = await hire().ready(pool)
    fields = {"attach": "sim-000", "listener": ear.stream, "offset": 0}
    await pool.redis.xadd(pool.keys.control(instance), fields)
    held = await pool.assigned(instance, body=body(max_tokens=2), listeners=ear.stream)
    assert (await ear.end(held.job)).state == State.COMPLETED
