"""A led pool without workers, an ear, and workers that end with their test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from penstock.broker.client import Broker
from penstock.broker.embedded import EmbeddedRedis
from tests.integration.broker.pool import Pool
from tests.integration.open_broker import OpenBroker
from tests.integration.workers.workplace import Ear, Hand, engine
from tests.servers import embedded_server, serving


@pytest.fixture(scope="session")
def redis_server() -> Iterator[EmbeddedRedis]:
    """The newest server, where other processes' tests have the oldest."""
    with serving(embedded_server()) as server:
        yield server


@pytest.fixture
async def pool(broker: OpenBroker) -> Pool:
    pool = Pool(broker)
    assert await pool.lead()
    return pool


@pytest.fixture
async def ear(broker: Broker) -> AsyncIterator[Ear]:
    ear = Ear(broker)
    await ear.listen()
    yield ear
    await ear.close()


@pytest.fixture
async def hire(redis_url: str) -> AsyncIterator[Callable[..., Hand]]:
    """Starts workers; the simulated engine is quick unless another is given."""
    hands: list[Hand] = []

    def hire(**options: Any) -> Hand:
        hands.append(Hand(redis_url, options.pop("engine", None) or engine(), **options))
        return hands[-1]

    yield hire
    for hand in hands:
        await hand.close()
