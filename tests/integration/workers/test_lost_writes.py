"""A replica has taken over that lacks the last writes: what a worker had ended is running again, and is ended again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from penstock.broker.holding import Held
from penstock.job import State
from tests.eventual import until
from tests.integration.broker.pool import Pool
from tests.integration.workers.workplace import SLOW, Ear, Hand, body, ended, engine, tokens_of, under_way
from workers import inbox

Hire = Callable[..., Hand]


async def _kept(pool: Pool, instance: str, held: Held) -> dict[str, bytes]:
    """What Redis holds of a job now."""
    keys = (pool.keys.job(held.job), pool.keys.inbox(instance), pool.keys.live)
    return {key: await pool.redis.dump(key) for key in keys}


async def _restore(pool: Pool, kept: dict[str, bytes]) -> None:
    for key, value in kept.items():
        await pool.redis.restore(key, 0, value, replace=True)


async def _cut_off(pool: Pool) -> None:
    """Everybody loses the connection."""
    # Not us, nor an ear.
    own: Any = await pool.redis.client_id()
    for client in await pool.redis.client_list(_type="normal"):
        if int(client["id"]) != own:
            await pool.redis.client_kill_filter(_id=client["id"])


@pytest.mark.parametrize("is_noticed", [True, False], ids=["noticed", "unnoticed"])
async def test_a_job_whose_end_was_lost_is_given_back_and_ends(
    hire: Hire, pool: Pool, ear: Ear, monkeypatch: pytest.MonkeyPatch, *, is_noticed: bool
) -> None:
    monkeypatch.setattr(inbox, "_START_OVER_S", 60.0 if is_noticed else 0.1)
    instance = await hire(engine=engine(SLOW)).ready(pool)
    raw = body("an end that is lost", max_tokens=10)
    held = await under_way(pool, instance, body=raw, listeners=ear.stream)
    kept = await _kept(pool, instance, held)
    assert (await ended(pool, held.job)).state is State.COMPLETED
    await _restore(pool, kept)
    if is_noticed:
        await _cut_off(pool)

    async def is_back() -> bool:
        return await pool.state(held.job) is State.QUEUED

    await until(is_back)
    assert await pool.inbox(instance) == []
    again = await pool.assign(held.job, instance)
    assert again.fence > held.fence
    job = await ended(pool, held.job)
    assert job.state is State.COMPLETED
    assert job.result is not None
    assert job.result.generated.tokens == tokens_of(raw)


async def test_a_job_under_way_is_kept_through_a_lost_connection(hire: Hire, pool: Pool) -> None:
    instance = await hire(engine=engine(SLOW)).ready(pool)
    raw = body("kept", max_tokens=60)
    held = await under_way(pool, instance, body=raw)
    await _cut_off(pool)
    job = await ended(pool, held.job)
    assert (job.state, job.fence) == (State.COMPLETED, held.fence)
    assert job.result is not None
    assert job.result.generated.tokens == tokens_of(raw)


async def test_an_assignment_that_was_not_read_yet_is_taken_up_after_a_lost_connection(hire: Hire, pool: Pool) -> None:
    instance = await hire(engine=engine(SLOW)).ready(pool)
    await under_way(pool, instance, body=body(max_tokens=60))
    await _cut_off(pool)
    late = await pool.assigned(instance, body=body("late", max_tokens=2))
    job = await ended(pool, late.job)
    assert (job.state, job.fence) == (State.COMPLETED, late.fence)
