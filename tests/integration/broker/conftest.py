"""A pool on an empty server, each server in turn."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from penstock.broker.embedded import EmbeddedRedis
from tests.integration.broker.pool import Pool
from tests.integration.open_broker import OpenBroker
from tests.servers import SERVERS, serving


@pytest.fixture(scope="session", params=SERVERS.values(), ids=list(SERVERS))
def redis_server(request: pytest.FixtureRequest) -> Iterator[EmbeddedRedis]:
    """A server that all tests here share; each server binary in turn."""
    with serving(request.param) as server:
        yield server


@pytest.fixture
async def pool(broker: OpenBroker) -> Pool:
    """Led, with one worker ready."""
    pool = Pool(broker)
    assert await pool.lead()
    await pool.redis.delete(pool.keys.wake_up)  # Which woke the new leader.
    assert await pool.register("w.1") == "registered"
    return pool
