"""One Redis: it dies, comes back with its append-only file, and has lost nothing."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Sequence
from pathlib import Path
from random import Random

import redis

from penstock.broker.embedded import EmbeddedRedis, ServerBinary
from penstock.settings import Fsync, RedisSettings
from tests.chaos.deployment import TICK_S, stop_all
from tests.chaos.faults import Kind
from tests.chaos.history import History
from tests.chaos.outages import Outage
from tests.chaos.processes import Target
from tests.chaos.proxy import Proxy


class Single:
    """The server that `penstock up` starts."""

    def __init__(
        self, folder: Path, binary: ServerBinary, pools: Sequence[str], random: Random, history: History
    ) -> None:
        self.servers = EmbeddedRedis(RedisSettings(data_dir=folder / "data", appendfsync=Fsync.ALWAYS), binary)
        self.proxies = [Proxy(self.servers.url.removeprefix("unix://"))]
        self.outages: list[Outage] = []
        self._pools = pools
        self._random = random
        self._history = history
        self._lock = asyncio.Lock()
        self._client = redis.Redis.from_url(self.servers.url)

    @property
    def url(self) -> str:
        """By the proxy."""
        return self.proxies[0].url

    @property
    def kinds(self) -> Sequence[Kind]:
        """One thing at a time."""
        return [] if self._lock.locked() else [(self.fail, 2), (self.freeze, 1)]

    async def start(self) -> None:
        """In this thread: Redis ends with the thread that started it."""
        await self.proxies[0].start()
        self.servers.start()

    async def stop(self) -> None:
        """End the proxy."""
        await stop_all(self.proxies)

    async def fail(self, *, is_calm: bool = False) -> None:
        """It dies, and is started again a moment later."""
        seconds = self._random.uniform(0.1, 1.5)
        async with self._lock:
            self._history.note(f"kills Redis for {seconds:.1f} s")
            died_s = time.monotonic()
            self.servers.kill()
            await asyncio.sleep(seconds)
            self.servers.spawn()
            while not self.servers.is_ready():
                await asyncio.sleep(TICK_S)
            self._history.note("Redis is back")
        self.outages.append(Outage(self._pools, died_s, time.monotonic(), is_failover=False, is_calm=is_calm))

    async def freeze(self) -> None:
        """It is silent for longer than anybody waits for it."""
        seconds = self._random.uniform(0.5, 2.5)
        async with self._lock:
            assert self.servers.pid is not None
            target = Target("Redis", self.servers.pid)
            self._history.note(f"freezes Redis for {seconds:.1f} s")
            target.hit(signal.SIGSTOP)
            await asyncio.sleep(seconds)
            target.hit(signal.SIGCONT)
            self._history.note("thaws Redis")

    def client_of(self, pool: str) -> redis.Redis:
        """Straight to it."""
        return self._client
