"""A pool on a real server, with jobs that ended."""

from __future__ import annotations

import pytest

from tests.integration.broker.pool import Pool
from tests.integration.open_broker import OpenBroker


@pytest.fixture
async def pool(broker: OpenBroker) -> Pool:
    """A worker serves it."""
    pool = Pool(broker)
    await pool.lead()
    await pool.register("w.1", slots=1000)
    return pool
