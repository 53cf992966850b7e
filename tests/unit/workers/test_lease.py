"""What a lease tells the loop that it was started from."""

from __future__ import annotations

import asyncio

import pytest

from penstock.broker.connections import Endpoint
from workers.history import History
from workers.lease import Lease
from workers.vitals import Vitals


async def _lease(told: list[str]) -> Lease:
    return Lease(
        Endpoint.parse("redis://redis.example"),
        "sim",
        "w.1",
        Vitals(History()),
        heartbeat_s=1.0,
        on_fenced=lambda: told.append("fenced"),
    )


@pytest.mark.parametrize(("is_closed", "expected"), [(False, ["fenced"]), (True, [])])
async def test_that_it_is_fenced_is_news_until_it_is_closed(*, is_closed: bool, expected: list[str]) -> None:
    told: list[str] = []
    lease = await _lease(told)
    if is_closed:
        lease.close()
    lease._tell()
    await asyncio.sleep(0)
    assert told == expected


def test_a_loop_that_has_ended_need_not_know() -> None:
    told: list[str] = []
    loop = asyncio.new_event_loop()
    lease = loop.run_until_complete(_lease(told))
    loop.close()
    lease._tell()
    assert told == []
