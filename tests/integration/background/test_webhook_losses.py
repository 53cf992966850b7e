"""Processes that are killed between any two steps, a Redis that is restarted: each end is told, and nothing else."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from penstock.broker.connections import Endpoint
from penstock.broker.embedded import EmbeddedRedis
from penstock.webhooks.delivery import DeliveryState
from penstock.webhooks.signature import new_secret
from tests.eventual import until
from tests.harness.dying_background import Step
from tests.harness.processes import end, launch, spawn
from tests.harness.receiver import Receiver, Reply, receiving
from tests.integration.background.webhook_stack import (
    all_ended,
    background,
    deliveries,
    ended_job,
    job_webhook,
    settings_for,
)
from tests.integration.broker.pool import POOL, Pool
from tests.integration.open_broker import OpenBroker

JOBS = 5
#: A task whose process was killed is taken up again when its time limit is over, and some more.
WITHIN_S = 60.0


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving(new_secret()) as found:
        yield found


@pytest.fixture
async def pool(own_redis: EmbeddedRedis) -> AsyncIterator[Pool]:
    broker = OpenBroker(Endpoint.parse(own_redis.url), timeout_s=5.0)
    pool = Pool(broker)
    await pool.lead()
    await pool.register("w.1", slots=1000)
    yield pool
    await broker.close()


@pytest.fixture
def config(own_redis: EmbeddedRedis, data_dir: Path) -> Path:
    path = data_dir / "config.yaml"
    webhooks = {"allowed_networks": ["127.0.0.0/8"], "retry_s": [0.1] * 9, "timeout_s": 1.0}
    config = {
        "models": {POOL: {"pool": POOL}},
        "pools": {POOL: {"engine": "simulated"}},
        "redis": {"url": own_redis.url},
        "background": {"lease_ttl_s": 1.0, "tick_s": 0.02},
        "webhooks": webhooks,
    }
    path.write_text(yaml.safe_dump(config))
    return path


@contextmanager
def living(config: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A background process, ended afterwards."""
    process = spawn(["background", "--config", str(config)], {}, config.with_suffix(".log"))
    try:
        yield process
    finally:
        end(process)


async def died(config: Path, step: Step) -> int:
    """The exit status of one that ends right before a step."""
    command = [sys.executable, "-m", "tests.harness.dying_background", str(config), step]
    process = launch(command, os.environ, config.with_suffix(".died.log"))
    return await asyncio.to_thread(process.wait, WITHIN_S)


def told(receiver: Receiver) -> dict[str, set[str]]:
    """By job, the ids under which its end was told."""
    found: dict[str, set[str]] = {}
    for one in receiver.received:
        found.setdefault(one.job, set()).add(one.event_id)
    return found


@pytest.mark.parametrize("step", Step)
async def test_a_process_that_is_killed_before_any_step_loses_no_end(
    pool: Pool, config: Path, receiver: Receiver, step: Step
) -> None:
    webhook = job_webhook(receiver.url, receiver.secret)
    ended = [await ended_job(pool, webhook=webhook) for _ in range(JOBS)]
    await pool.running("w.1", webhook=webhook)
    assert await died(config, step) == -9
    with living(config):
        found = await all_ended(pool, JOBS, within_s=WITHIN_S)
    assert {one.job: {one.event} for one in found} == told(receiver)
    assert set(told(receiver)) == set(ended)
    assert {one.state for one in found} == {DeliveryState.DELIVERED}
    assert receiver.wrong == []


async def test_a_process_that_is_killed_while_a_receiver_answers_delivers_again(
    pool: Pool, config: Path, receiver: Receiver
) -> None:
    receiver.answer = receiver.hang
    job = await ended_job(pool, webhook=job_webhook(receiver.url, receiver.secret))
    with living(config) as process:
        await until(lambda: _has_received(receiver, 1))
        process.kill()
        process.wait()
    receiver.answer = lambda _: Reply()
    with living(config):
        (delivery,) = await all_ended(pool, 1, within_s=WITHIN_S)
    assert told(receiver) == {job: {delivery.event}}
    # The attempt that was cut off was not written down.
    assert (delivery.state, delivery.attempts, len(receiver.received)) == (DeliveryState.DELIVERED, 1, 2)


async def test_a_redis_that_is_restarted_loses_no_end(pool: Pool, own_redis: EmbeddedRedis, receiver: Receiver) -> None:
    webhook = job_webhook(receiver.url, receiver.secret)
    ended = [await ended_job(pool, webhook=webhook) for _ in range(JOBS)]
    await asyncio.to_thread(own_redis.stop)
    async with background(pool, settings_for(own_redis.url)):
        await asyncio.to_thread(own_redis.start)
        await all_ended(pool, JOBS, within_s=WITHIN_S)
        await asyncio.to_thread(own_redis.stop)
        await asyncio.to_thread(own_redis.start)
        ended += [await ended_job(pool, webhook=webhook) for _ in range(JOBS)]
        await all_ended(pool, 2 * JOBS, within_s=WITHIN_S)
    assert set(told(receiver)) == set(ended)
    assert len(await deliveries(pool)) == 2 * JOBS


async def _has_received(receiver: Receiver, count: int) -> bool:
    return len(receiver.received) >= count
