from __future__ import annotations

import asyncio
from threading import Event, get_ident

from penstock.long_bodies import LONG_BYTES, reading


async def test_long_bodies_are_read_one_after_the_other_beside_the_event_loop() -> None:
    all_are_there = Event()

    def read(_: bytes) -> int:
        assert all_are_there.wait(10.0)
        return get_ident()

    readings = [asyncio.create_task(reading(read, bytes(LONG_BYTES + 1))) for _ in range(8)]
    await asyncio.sleep(0)
    all_are_there.set()
    threads = set(await asyncio.gather(*readings))

    assert len(threads) == 1
    assert get_ident() not in threads


async def test_a_short_body_is_read_at_once() -> None:
    assert await reading(lambda _: get_ident(), bytes(LONG_BYTES)) == get_ident()
