"""Several are asked, one after the other, and the first who answers is heard."""

from __future__ import annotations

import asyncio
import gc
from functools import partial
from typing import Any

import pytest

from penstock.broker import dialing
from penstock.broker.dialing import first_of

_RACERS = 6


async def _answer() -> str:
    return "answer"


async def _fail() -> str:
    raise ConnectionRefusedError("refused")


class Silent:
    """Never answers, and knows whether it was told to stop."""

    def __init__(self) -> None:
        self.was_asked = False
        self.was_cancelled = False

    async def ask(self) -> str:
        self.was_asked = True
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.was_cancelled = True
            raise
        return "never"


async def test_the_first_is_enough() -> None:
    other = Silent()
    assert await first_of([_answer, other.ask]) == "answer"
    assert not other.was_asked


async def test_who_refuses_is_followed_at_once_by_the_next() -> None:
    async with asyncio.timeout(5):
        assert await first_of([_fail, _fail, _answer]) == "answer"


async def test_who_is_silent_keeps_nobody_waiting_and_is_dropped() -> None:
    silent = Silent()
    assert await first_of([silent.ask, _answer]) == "answer"
    await asyncio.sleep(0)
    assert silent.was_asked
    assert silent.was_cancelled


async def test_who_is_slow_is_still_heard() -> None:
    gate = asyncio.Event()

    async def slow() -> str:
        await gate.wait()
        return "slow"

    async def opens() -> str:
        gate.set()
        raise ConnectionRefusedError("refused")

    assert await first_of([slow, opens]) == "slow"


async def test_the_last_error_is_told_where_all_fail() -> None:
    with pytest.raises(ConnectionRefusedError, match="refused"):
        await first_of([_fail, _fail])
    with pytest.raises(ConnectionError, match="nobody"):
        await first_of([])


async def test_who_fails_as_another_succeeds_leaves_no_error_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dialing, "_STAGGER_S", 0.001)
    unhandled: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: unhandled.append(context))

    async def race(place: int) -> str:
        """All wait for the last to begin, and end in the same turn of the loop."""
        begun: list[int] = []
        gate = asyncio.Event()

        async def run(number: int) -> str:
            begun.append(number)
            if len(begun) == _RACERS:
                gate.set()
            await gate.wait()
            await asyncio.sleep(0)
            if number != place:
                raise ConnectionRefusedError("refused")
            return "answer"

        return await first_of([partial(run, number) for number in range(_RACERS)])

    # In which order those that end together are looked at is chance.
    for place in range(_RACERS):
        assert await race(place) == "answer"
    await asyncio.sleep(0)
    gc.collect()
    assert not unhandled
