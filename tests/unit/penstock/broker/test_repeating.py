"""Duties go on through an outage of Redis and through trouble of their own, and stop when the term is over."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any, cast

import pytest
import structlog

from penstock.broker.client import Broker
from penstock.broker.repeating import repeat
from penstock.broker.trouble import Duty, Trouble
from penstock.errors import BrokerDataError, BrokerUnavailableError
from penstock.telemetry import events, metrics

LIVE = "penstock:{sim}:live"


class Types:
    """A Redis that knows of what type each key is."""

    def __init__(self, types: dict[str, str]) -> None:
        self._types = types

    async def ask_each(self, queries: list[Any]) -> list[str]:
        return [self._types.get(query.command[1], "none") for query in queries]


@pytest.fixture
def trouble() -> Iterator[Trouble]:
    it = Trouble(cast("Broker", Types({LIVE: "string"})), "sim", Duty.EXPIRE)
    yield it
    it.close()


@pytest.fixture
def told() -> Iterator[list[dict[str, Any]]]:
    with structlog.testing.capture_logs() as lines:
        yield cast("list[dict[str, Any]]", lines)


def troubles() -> float:
    return float(metrics.POOL_TROUBLES.labels("sim", Duty.EXPIRE)._value.get())


def going_through(over: asyncio.Event, *outcomes: Exception | None) -> tuple[Callable[[], Any], list[float]]:
    """Work that ends as told, one outcome after the other, and then is over; and what the gauge was at each try."""
    gauge: list[float] = []
    left = list(outcomes)

    async def work() -> None:
        gauge.append(troubles())
        outcome = left.pop(0)
        if not left:
            over.set()
        if outcome is not None:
            raise outcome

    return work, gauge


async def test_work_is_repeated_through_an_outage_until_it_is_over(trouble: Trouble) -> None:
    over = asyncio.Event()
    work, tries = going_through(over, None, BrokerUnavailableError("away"), None, None)

    await repeat(over, work, trouble, pause_s=0)

    assert len(tries) == 4


async def test_trouble_is_told_once_with_its_key_and_once_when_it_is_over(
    trouble: Trouble, told: list[dict[str, Any]]
) -> None:
    over = asyncio.Event()
    wrong = BrokerDataError("WRONGTYPE", ["penstock:{sim}:job:1", LIVE])
    work, gauge = going_through(over, wrong, wrong, wrong, None, None)

    await repeat(over, work, trouble, pause_s=0)

    assert [(line["event"], line["pool"], line["duty"], line["cause"]) for line in told] == [
        (event, "sim", "expire", f"{LIVE} is a string, not a zset")
        for event in (events.POOL_TROUBLED, events.POOL_RECOVERED)
    ]
    assert gauge == [0, 1, 1, 1, 0]


async def test_trouble_that_nobody_foresaw_ends_nothing_and_shows_where_it_comes_from(
    trouble: Trouble, told: list[dict[str, Any]]
) -> None:
    over = asyncio.Event()
    mistake = ZeroDivisionError("division by zero")
    work, tries = going_through(over, mistake, mistake, None)

    await repeat(over, work, trouble, pause_s=0)

    assert len(tries) == 3
    assert [line["event"] for line in told] == [events.POOL_TROUBLED, events.POOL_RECOVERED]
    assert told[0]["cause"] == "ZeroDivisionError: division by zero"
    assert told[0]["exc_info"] is mistake


async def test_of_many_causes_some_are_told(trouble: Trouble, told: list[dict[str, Any]]) -> None:
    await trouble.met(*(ValueError(str(number)) for number in range(1000)))

    assert 0 < len(told) <= 20


async def test_the_pauses_between_failures_grow_and_have_an_end(trouble: Trouble) -> None:
    pauses = [await trouble.failed(ValueError()) for _ in range(10)]
    trouble.passed()

    assert pauses == sorted(pauses)
    assert pauses[0] < 0.1
    assert pauses[-1] == pauses[-2] == 2.0
    assert await trouble.failed(ValueError()) == pauses[0]


async def test_whoever_has_the_duty_next_tells_of_it_anew(trouble: Trouble) -> None:
    await trouble.met(ValueError())
    before = troubles()
    trouble.close()

    assert (before, troubles()) == (1, 0)


async def test_a_long_pause_ends_with_the_term(trouble: Trouble) -> None:
    over = asyncio.Event()
    worked = asyncio.Event()

    async def work() -> None:
        worked.set()

    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        group.create_task(repeat(over, work, trouble, pause_s=60))
        await worked.wait()
        over.set()
