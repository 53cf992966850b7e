from __future__ import annotations

import gc
import sys
from collections.abc import AsyncGenerator

import pytest

from workers.engine.vllm.driven import Driven, Feed


async def doubled(feed: Feed[int]) -> AsyncGenerator[int, None]:
    async for item in feed:
        yield item
        yield item * 10
    yield -1


async def failing(feed: Feed[int]) -> AsyncGenerator[int, None]:
    async for item in feed:
        yield item
        raise RuntimeError("broken")


def test_it_makes_all_it_can_of_what_it_has_and_no_more() -> None:
    feed: Feed[int] = Feed()
    driven = Driven(doubled(feed))
    assert driven.advance() == []
    feed.put(1)
    feed.put(2)
    assert driven.advance() == [1, 10, 2, 20]
    assert driven.advance() == []


def test_a_closed_feed_lets_it_come_to_its_end() -> None:
    feed: Feed[int] = Feed()
    driven = Driven(doubled(feed))
    feed.put(3)
    feed.close()
    assert driven.advance() == [3, 30, -1]
    assert driven.advance() == []


def test_its_error_is_the_callers() -> None:
    feed: Feed[int] = Feed()
    driven = Driven(failing(feed))
    feed.put(1)
    with pytest.raises(RuntimeError, match="broken"):
        driven.advance()


async def test_one_that_is_dropped_in_the_middle_is_none_of_the_event_loops() -> None:
    hooks = sys.get_asyncgen_hooks()
    feed: Feed[int] = Feed()
    driven = Driven(doubled(feed))
    driven.advance()
    assert sys.get_asyncgen_hooks() == hooks
    del driven
    gc.collect()
