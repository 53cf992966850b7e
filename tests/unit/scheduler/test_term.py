"""Duties go on through an outage of Redis, and stop when the term is over."""

from __future__ import annotations

import asyncio

from penstock.errors import BrokerUnavailableError
from scheduler.term import repeat


async def test_work_is_repeated_through_an_outage_until_it_is_over() -> None:
    over = asyncio.Event()
    done: list[int] = []

    async def work() -> None:
        done.append(len(done))
        if len(done) == 2:
            raise BrokerUnavailableError("away")
        if len(done) == 4:
            over.set()

    await repeat(over, work, pause_s=0)
    assert done == [0, 1, 2, 3]


async def test_a_long_pause_ends_with_the_term() -> None:
    over = asyncio.Event()
    worked = asyncio.Event()

    async def work() -> None:
        worked.set()

    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        group.create_task(repeat(over, work, pause_s=60))
        await worked.wait()
        over.set()
