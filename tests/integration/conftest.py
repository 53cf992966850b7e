"""What every test on a real server starts from."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from penstock.broker.connections import Endpoint
from penstock.broker.embedded import EmbeddedRedis
from penstock.settings import RedisSettings
from tests.integration.open_broker import OpenBroker


@pytest.fixture
def own_redis(data_dir: Path) -> Iterator[EmbeddedRedis]:
    """A server of the test's own, to be mistreated."""
    server = EmbeddedRedis(RedisSettings(data_dir=data_dir))
    server.start()
    yield server
    server.stop()


@pytest.fixture
async def broker(redis_url: str) -> AsyncIterator[OpenBroker]:
    broker = OpenBroker(Endpoint.parse(redis_url), timeout_s=5.0)
    yield broker
    await broker.close()
