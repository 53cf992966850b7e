"""One scheduler leads a pool; when it goes, another does."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

from penstock.job import State
from tests.eventual import until
from tests.integration.broker.pool import POOL, Pool
from tests.integration.scheduler.stage import LEADER_TTL_S, inbox_of, scheduling, working


async def _leader(pool: Pool) -> str:
    return (await pool.redis.get(pool.keys.leader) or b"").decode()


async def _is_led(pool: Pool) -> bool:
    return bool(await _leader(pool))


async def test_of_two_schedulers_one_leads_and_the_other_takes_over_when_it_resigns(pool: Pool) -> None:
    async with scheduling(pool.broker) as first:
        await until(lambda: _is_led(pool))
        before = await _leader(pool)
        async with scheduling(pool.broker), working(pool, "w.1"):
            await asyncio.sleep(LEADER_TTL_S)  # The lease must hold against the other for longer than it lasts.
            assert await _leader(pool) == before
            first.stop()
            await until(lambda: _leads_another(pool, before))
            job_id = await pool.queued()
            (held,) = await inbox_of(pool, "w.1", 1)
    assert held.job == job_id
    assert await _leader(pool) == ""


async def test_a_leader_that_was_deposed_is_refused_and_stands_by(pool: Pool) -> None:
    async with scheduling(pool.broker), working(pool, "w.1"):
        await until(lambda: _is_led(pool))
        before = await _leader(pool)
        await pool.redis.set(pool.keys.leader, "usurper:9", px=500)
        job_id = await pool.queued()
        assert await pool.try_assign(job_id, "w.1", token=before) == "not_leader"
        # It wins the next term under another token, and only then assigns.
        (held,) = await inbox_of(pool, "w.1", 1)
        assert held.job == job_id
        assert await _leader(pool) not in ("", before, "usurper:9")


async def test_a_killed_scheduler_is_replaced_within_three_seconds(pool: Pool, redis_url: str, tmp_path: Path) -> None:
    with _process(redis_url, tmp_path) as first:
        await until(lambda: _is_led(pool), within_s=30)
        with _process(redis_url, tmp_path) as second:
            await until(lambda: _stands_by(pool), within_s=30)
            async with working(pool, "w.1"):
                before, killed = (first, second) if f"-{first.pid}:" in await _leader(pool) else (second, first)
                before.kill()
                started_s = time.monotonic()
                job_id = await pool.queued()
                (held,) = await inbox_of(pool, "w.1", 1)
                assert time.monotonic() - started_s < 3.0
                assert held.job == job_id
                assert killed.poll() is None


async def test_a_scheduler_that_is_told_to_stop_leaves_at_once(pool: Pool, redis_url: str, tmp_path: Path) -> None:
    with _process(redis_url, tmp_path) as process:
        await until(lambda: _is_led(pool), within_s=30)
        process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(process.wait, 10) == 0
    assert await _leader(pool) == ""
    job_id = await pool.queued()
    assert await pool.state(job_id) is State.QUEUED


async def _leads_another(pool: Pool, before: str) -> bool:
    return await _leader(pool) not in ("", before)


async def _stands_by(pool: Pool) -> bool:
    """Whether two schedulers have drawn an epoch."""
    return int(await pool.redis.get(pool.keys.epochs) or 0) >= 2


@contextmanager
def _process(redis_url: str, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A scheduler process with the default lease."""
    config = folder / "penstock.yaml"
    config.write_text(yaml.safe_dump({"models": {POOL: {"pool": POOL}}, "pools": {POOL: {"engine": "simulated"}}}))
    process = subprocess.Popen(
        [sys.executable, "-m", "penstock.cli", "scheduler", "--config", str(config)],
        env={**os.environ, "PENSTOCK__REDIS__URL": redis_url},
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
