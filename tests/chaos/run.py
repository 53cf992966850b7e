"""One run: a stack behind a proxy, a crowd of clients, storms and quiet, and the verdict."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import redis

from penstock.broker.keys import PoolKeys
from penstock.job import Job
from tests.chaos.clients import Crowd
from tests.chaos.faults import Faults
from tests.chaos.judge import Verdict, Violation, Wrong, judge
from tests.chaos.ledger import Ledger
from tests.chaos.orders import OrderBook
from tests.chaos.proxy import Proxy
from tests.chaos.report import Report
from tests.chaos.tidiness import leftovers
from tests.chaos.wire import Wire
from tests.harness.stack import Stack
from tests.servers import SERVERS

ENGINE: dict[str, Any] = {"prefill_ms_base": 3.0, "prefill_us_per_token": 20.0, "itl_ms": 12.0}
POOL: dict[str, Any] = {
    "slots": 16,
    "drain_grace_s": 1.5,
    "queue_timeout_s": 300.0,
    # Only a poison job would lose as many by its own doing.
    "max_losses": 1000,
    "options": ENGINE,
}
KEYS = PoolKeys("sim")
CLIENTS = 14
STORM_S = 9.0
QUIET_S = 4.0
#: How long clients get to finish when the storm is over for good.
SETTLE_S = 60.0


async def run(seed: int, seconds: float, folder: Path) -> Report:
    """Torment a stack for so long; its files lie in `folder`."""
    proxy = Proxy(str(folder / "data" / "redis.sock"))
    await proxy.start()
    stack = Stack(
        folder,
        POOL,
        ingresses=2,
        schedulers=2,
        workers=(2, 1),
        binary=Random(f"{seed}/server").choice(list(SERVERS.values())),
        redis_url=proxy.url,
        ingress={"drain_grace_s": 2.0},
    )
    began_s = time.monotonic()
    faults = Faults(stack, proxy, Random(f"{seed}/faults"))
    ledger = Ledger()
    try:
        await _start(stack)
        await _torment(seed, seconds, stack, faults, ledger)
        verdict = _verdict(stack, ledger)
    finally:
        # In a thread, for whoever says goodbye says it through the proxy.
        await asyncio.to_thread(stack.stop)
        await proxy.stop()
    return Report(seed, time.monotonic() - began_s, ledger, faults, verdict, began_s)


async def _start(stack: Stack) -> None:
    """Start without holding up the proxy."""
    stack.redis.start()
    for program in stack.programs:
        program.start()
    await asyncio.to_thread(stack.wait_ready)


async def _torment(seed: int, seconds: float, stack: Stack, faults: Faults, ledger: Ledger) -> None:
    wire = Wire()
    crowd = Crowd(seed, OrderBook(seed, ENGINE), ledger, wire, stack.urls)
    clients = [asyncio.create_task(crowd.keep_coming()) for _ in range(CLIENTS)]
    keeper = asyncio.create_task(faults.keep_running())
    try:
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            await faults.rage(min(STORM_S, left))
            await asyncio.sleep(QUIET_S)
        crowd.is_open = False
        await asyncio.wait(clients, timeout=SETTLE_S)
        await _idle(stack)
    finally:
        keeper.cancel()
        for client in clients:
            client.cancel()
        await asyncio.gather(keeper, *clients, return_exceptions=True)
        await wire.close()


async def _idle(stack: Stack) -> None:
    """Wait until no job lives any more and everything is tidy, if ever."""
    until = time.monotonic() + SETTLE_S
    with redis.Redis.from_url(stack.redis.url) as client:
        while leftovers(client, KEYS) and time.monotonic() < until:
            await asyncio.sleep(0.1)


def _verdict(stack: Stack, ledger: Ledger) -> Verdict:
    with redis.Redis.from_url(stack.redis.url) as client:
        verdict = judge(ledger, _jobs(client))
        verdict.violations += [Violation(Wrong.LEFT, key) for key in leftovers(client, KEYS)]
    return verdict


def _jobs(client: Any) -> Iterator[Job]:
    """Every record there is."""
    root = KEYS.job("")
    for key in list(client.scan_iter(match=f"{root}*", count=1000)):
        yield Job.from_record(key.decode().removeprefix(root), client.hgetall(key))
