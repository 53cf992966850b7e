"""An empty pool on a real server."""

from __future__ import annotations

import pytest

from penstock.broker.client import Broker
from tests.integration.broker.pool import Pool


@pytest.fixture
def pool(broker: Broker) -> Pool:
    """Nobody leads it, nobody works."""
    return Pool(broker)
