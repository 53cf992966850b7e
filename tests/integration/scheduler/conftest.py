"""An empty pool on a real server."""

from __future__ import annotations

import pytest

from tests.integration.broker.pool import Pool
from tests.integration.open_broker import OpenBroker


@pytest.fixture
def pool(broker: OpenBroker) -> Pool:
    """Nobody leads it, nobody works."""
    return Pool(broker)
