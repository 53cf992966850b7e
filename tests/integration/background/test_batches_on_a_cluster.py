"""A batch on a Redis Cluster whose masters die under it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from penstock.batches.batch import BatchStatus
from penstock.broker.connections import Endpoint
from penstock.broker.embedded import EmbeddedRedis
from penstock.settings import StorageSettings
from penstock.storage import open_storage
from tests.acceptance.simulation import expected
from tests.eventual import until
from tests.harness.batches import TENANT, Batches, chat_line, encoded
from tests.harness.redis_cluster import RedisCluster
from tests.harness.stack import running
from tests.integration.open_broker import OpenBroker
from tests.servers import embedded_server
from tests.waiting import eventually

LINES = 1000


@pytest.fixture
async def made(cluster: RedisCluster, own_redis: EmbeddedRedis, data_dir: Path) -> AsyncIterator[Batches]:
    files = str(data_dir / "files")
    with running(
        data_dir,
        {"slots": 64},
        ingresses=0,
        backgrounds=1,
        servers=cluster,
        storage={"url": files},
        batches={"part_lines": 50, "part_s": 0.5},
        background={"tick_s": 0.05, "redis_url": own_redis.url},
    ):
        broker = OpenBroker(Endpoint.parse(cluster.url), timeout_s=2.0, patience_s=20.0)
        storage = open_storage(StorageSettings(url=files))
        yield Batches(broker, storage)
        await storage.close()
        await broker.close()


@pytest.fixture
def cluster() -> Iterator[RedisCluster]:
    with TemporaryDirectory(prefix="cluster-", ignore_cleanup_errors=True) as folder:
        yield RedisCluster(Path(folder), embedded_server())


async def test_masters_that_die_lose_no_line(cluster: RedisCluster, made: Batches) -> None:
    wanted = [f"{number}" for number in range(LINES)]
    id_ = await made.begin(encoded([chat_line(one) for one in wanted]))
    for tag, done in (("sim", 100), (f"tenant/{TENANT}", 400)):
        await until(partial(_has_ended, made, id_, done))
        await asyncio.to_thread(_fail_over, cluster, tag)
    batch = await made.ended(id_, 90.0)
    lines = await made.lines(batch.output_file)

    assert (batch.status, batch.completed, batch.failed) == (BatchStatus.COMPLETED, LINES, 0)
    assert {line["custom_id"]: line["response"]["body"]["choices"][0]["message"]["content"] for line in lines} == {
        one: expected(one, max_tokens=4) for one in wanted
    }
    assert len(lines) == LINES


def _fail_over(cluster: RedisCluster, tag: str) -> None:
    """Kill the master of a slot, wait for another, and let it come back."""
    dead = cluster.master_of(tag)
    assert dead is not None
    dead.kill()
    assert eventually(lambda: cluster.master_of(tag) not in (None, dead), within_s=30)
    cluster.restart(dead)
    cluster.wait_whole()


async def _has_ended(made: Batches, id_: str, count: int) -> bool:
    return (await made.of(id_)).ended_completed >= count
