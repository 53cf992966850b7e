"""A pool on an empty server."""

from __future__ import annotations

import pytest

from tests.integration.broker.pool import Pool
from tests.integration.open_broker import OpenBroker


@pytest.fixture
async def pool(broker: OpenBroker) -> Pool:
    """Led, with one worker ready."""
    pool = Pool(broker)
    assert await pool.lead()
    await pool.redis.delete(pool.keys.wake_up)  # Which rang for the new leader.
    assert await pool.register("w.1") == "registered"
    return pool
