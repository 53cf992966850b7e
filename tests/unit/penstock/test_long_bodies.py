from __future__ import annotations

import asyncio
from threading import Event, get_ident
from time import sleep

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


async def test_short_bodies_are_read_beside_the_event_loop_once_they_have_held_it_up() -> None:
    def read(_: bytes) -> int:
        sleep(0.01)
        return get_ident()

    ours = get_ident()
    lines = [await reading(read, b"") for _ in range(4)]
    clients = await asyncio.gather(*(reading(read, b"") for _ in range(4)))

    assert [one == ours for one in lines] == [True, False, True, False]
    assert sum(one == ours for one in clients) == 1
