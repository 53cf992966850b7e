"""Scripts of batches that are run twice."""

from __future__ import annotations

import pytest

from penstock.batches.part import BatchPart, Kind
from penstock.broker import batches
from penstock.broker.batches import Progress
from penstock.broker.keys import keys_of
from penstock.broker.query import Query
from tests.integration.open_broker import OpenBroker

POOL, ID = "sim", "batch_sim-1"


@pytest.fixture
async def owned(broker: OpenBroker) -> OpenBroker:
    """A batch of which three jobs have ended."""
    await broker.run(batches.create(POOL, ID, "acme", {"tenant": "acme"}, window_ms=1000, keep_ms=1000, most=1))
    await broker.run(batches.take(POOL, ID, "us", 60_000))
    await broker.ask(Query(("RPUSH", keys_of(POOL).batch_ends(ID), "a", "b", "c"), int))
    return broker


@pytest.mark.parametrize("lines", [0, 1])
async def test_parts_that_are_recorded_twice_strike_off_the_same_ends(owned: OpenBroker, lines: int) -> None:
    """Also where nothing is new of what had ended, so that no count tells the repeat."""
    parts = [BatchPart(Kind.OUTPUT, "name", 3, 1)] * lines
    call = batches.record(POOL, ID, "us", Progress(before=0, after=lines, ends=["a"], parts=parts))
    for _ in range(2):
        assert await owned.run(call) in ("recorded", "repeated")
    assert await owned.ask(batches.ends(POOL, ID, 10)) == ["b", "c"]
    assert await owned.ask(batches.parts(POOL, ID)) == parts


async def test_a_batch_that_is_there_is_struck_off_by_its_owner_alone(owned: OpenBroker) -> None:
    assert await owned.run(batches.settle(POOL, ID, "others", 1000)) == "fenced"
    assert await owned.ask(batches.open_batches(POOL)) == [ID]
    assert await owned.ask(batches.owned(POOL, ID)) is not None
    await owned.ask(Query(("DEL", keys_of(POOL).batch(ID)), int))
    assert await owned.ask(batches.owned(POOL, ID)) is None
    assert await owned.run(batches.settle(POOL, ID, "others", 1000)) == "missing"
    assert await owned.ask(batches.open_batches(POOL)) == []
    assert await owned.ask(batches.ends(POOL, ID, 10)) == []
