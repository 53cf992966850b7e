"""An empty pool on a real server."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from penstock.broker.client import Broker
from penstock.broker.connections import Endpoint
from tests.integration.broker.pool import Pool


@pytest.fixture
async def broker(redis_url: str) -> AsyncIterator[Broker]:
    broker = Broker(Endpoint.parse(redis_url), timeout_s=5.0)
    yield broker
    await broker.close()


@pytest.fixture
def pool(broker: Broker) -> Pool:
    """Nobody leads it, nobody works."""
    return Pool(broker)
