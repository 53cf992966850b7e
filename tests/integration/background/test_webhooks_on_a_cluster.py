"""On a Redis Cluster arq has a plain Redis of its own; a tenant's deliveries are in another slot than its jobs."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from penstock.broker.connections import Endpoint
from penstock.broker.embedded import EmbeddedRedis
from penstock.cli.preconditions import require_queue
from penstock.errors import SettingsError
from penstock.settings import BackgroundSettings
from penstock.webhooks.delivery import DeliveryState
from penstock.webhooks.signature import new_secret
from tests.harness.receiver import receiving
from tests.harness.redis_cluster import RedisCluster
from tests.integration.background.webhook_stack import (
    all_ended,
    background,
    ended_job,
    job_webhook,
    settings_for,
    subscribed,
)
from tests.integration.broker.pool import Pool
from tests.integration.open_broker import OpenBroker
from tests.servers import embedded_server


async def test_ends_are_told_on_a_cluster(own_redis: EmbeddedRedis) -> None:
    with TemporaryDirectory(prefix="cluster-") as folder, receiving(new_secret()) as receiver:
        cluster = RedisCluster(Path(folder), embedded_server(), replicas=0)
        try:
            cluster.start()
            settings = settings_for(cluster.url)
            queue = BackgroundSettings(lease_ttl_s=1.0, tick_s=0.02, redis_url=own_redis.url)
            broker = OpenBroker(Endpoint.parse(cluster.url), timeout_s=5.0)
            pool = Pool(broker)
            await pool.lead()
            await pool.register("w.1", slots=100)
            await subscribed(pool, receiver.url, receiver.secret)
            async with background(pool, settings.model_copy(update={"background": queue})):
                job = await ended_job(pool, webhook=job_webhook(receiver.url, receiver.secret))
                found = await all_ended(pool, 2)
            await broker.close()
        finally:
            cluster.stop()
    assert {one.state for one in found} == {DeliveryState.DELIVERED}
    assert [one.job for one in receiver.received] == [job, job]


def test_a_cluster_alone_does_not_do_for_arq() -> None:
    settings = settings_for("redis+cluster://127.0.0.1:7000")
    with pytest.raises(SettingsError, match=r"background\.redis_url"):
        require_queue(settings)
    plain = settings.background.model_copy(update={"redis_url": "redis://127.0.0.1:6379"})
    require_queue(settings.model_copy(update={"background": plain}))
