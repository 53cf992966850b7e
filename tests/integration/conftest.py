"""What every test on a real server starts from."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from penstock.broker.client import Broker
from penstock.broker.connections import Endpoint


@pytest.fixture
async def broker(redis_url: str) -> AsyncIterator[Broker]:
    broker = Broker(Endpoint.parse(redis_url), timeout_s=5.0)
    yield broker
    await broker.close()
