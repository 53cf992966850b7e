"""Several servers that fail over: masters die at random, are replaced, and come back as replicas."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from random import Random
from typing import TypeVar

import redis

from tests.chaos.deployment import TICK_S, stop_all
from tests.chaos.faults import Kind
from tests.chaos.history import History
from tests.chaos.outages import Outage
from tests.chaos.proxy import Proxy
from tests.harness.redis_cluster import RedisCluster
from tests.harness.redis_node import RedisNode
from tests.harness.redis_sentinel import RedisSentinel

T = TypeVar("T")

#: How long a supervisor takes to start a dead server again after its replacement.
_AWAY_S = (0.2, 3.0)
#: Shorter than what the others take for death.
_FREEZE_S = (0.2, 0.9)
_BLINK_S = (0.05, 0.4)
#: How far a master's replicas are behind it when it dies; see REPLICATION_S.
_AHEAD_S = (0.05, 0.7)


class Replicated:
    """A cluster, or a master under Sentinels."""

    def __init__(
        self, servers: RedisCluster | RedisSentinel, pools: Sequence[str], random: Random, history: History
    ) -> None:
        self.servers = servers
        self.proxies = [Proxy(("127.0.0.1", node.port), node.name) for node in servers.nodes]
        self.outages: list[Outage] = []
        self._pools = pools
        self._random = random
        self._history = history
        self._lock = asyncio.Lock()
        # Servers end with the thread that started them, and waiting for them must not hold up the proxies.
        self._supervisor = ThreadPoolExecutor(1, "supervisor")

    @property
    def url(self) -> str:
        """By the proxies, which the servers name to each other and to everybody."""
        return self.servers.url

    @property
    def kinds(self) -> Sequence[Kind]:
        """One thing at a time, or more would be dead than can be replaced."""
        if self._lock.locked():
            return []
        return [(self.fail, 8), (self.blink, 1), (self.freeze, 1), (self.lose_another, 2)]

    async def start(self) -> None:
        """Start all and wait until they serve."""
        for node, proxy in zip(self.servers.nodes, self.proxies, strict=True):
            await proxy.start()
            node.public_port = proxy.port
        await self._do(self.servers.start)

    async def stop(self) -> None:
        """End the proxies."""
        await stop_all(self.proxies)
        self._supervisor.shutdown()

    async def fail(self, *, is_calm: bool = False) -> None:
        """A pool's master dies, with what its replicas have or more; when it has been replaced it comes back as one."""
        ahead_s = self._random.choice([0.0, self._random.uniform(*_AHEAD_S)])
        async with self._lock:
            master = await self._some_master()
            proxy = self.proxies[self.servers.nodes.index(master)]
            if ahead_s:
                self._history.note(f"starves the replicas of {master.name} for {ahead_s:.1f} s")
                proxy.starve_replicas()
                await asyncio.sleep(ahead_s)
            async with self._outage(master, is_calm=is_calm):
                self._history.note(f"kills {master.name}")
                await self._do(master.kill)
                proxy.drop_replicas()
            await asyncio.sleep(self._random.uniform(*_AWAY_S))
            await self._bring_back(master)

    async def blink(self) -> None:
        """A pool's master dies and is back before anybody takes it for dead."""
        seconds = self._random.uniform(*_BLINK_S)
        async with self._lock:
            master = await self._some_master()
            async with self._outage(master):
                self._history.note(f"kills {master.name} for {seconds:.1f} s")
                await self._do(master.kill)
                await asyncio.sleep(seconds)
                await self._do(master.start)
            await self._do(self.servers.wait_whole)

    async def freeze(self) -> None:
        """A pool's master is silent, not long enough for the others to take it for dead."""
        seconds = self._random.uniform(*_FREEZE_S)
        async with self._lock:
            master = await self._some_master()
            async with self._outage(master):
                self._history.note(f"freezes {master.name} for {seconds:.1f} s")
                master.send(signal.SIGSTOP)
                await asyncio.sleep(seconds)
                master.send(signal.SIGCONT)
            await self._do(self.servers.wait_whole)

    async def lose_another(self) -> None:
        """Somebody dies who serves no pool: a replica, a Sentinel, the master of other slots."""
        seconds = self._random.uniform(*_AWAY_S)
        async with self._lock:
            masters = await self._masters(self._pools)
            node = self._random.choice([node for node in self.servers.nodes if node not in masters])
            self._history.note(f"kills {node.name} for {seconds:.1f} s")
            await self._do(node.kill)
            await asyncio.sleep(seconds)
            await self._bring_back(node)

    def client_of(self, pool: str) -> redis.Redis:
        """Straight to the pool's master."""
        master = self.servers.master_of(pool)
        assert master is not None, f"nobody serves {pool}"
        return master.client

    @asynccontextmanager
    async def _outage(self, master: RedisNode, *, is_calm: bool = False) -> AsyncIterator[None]:
        """A master's pools are not served from within the block until they are again, whoever does it."""
        masters = await self._masters(self._pools)
        pools = [pool for pool, one in zip(self._pools, masters, strict=True) if one is master]
        died_s = time.monotonic()
        yield
        if not pools:
            # On a busy machine another may have taken its place before.
            self._history.note(f"{master.name} served no pool any more")
            return
        while (serving := (await self._masters(pools))[0]) is None:
            await asyncio.sleep(TICK_S)
        self.outages.append(Outage(pools, died_s, time.monotonic(), serving is not master, is_calm))
        self._history.note(f"{', '.join(pools)} served by {serving.name}")

    async def _some_master(self) -> RedisNode:
        """Of a pool."""
        (master,) = await self._masters([self._random.choice(self._pools)])
        assert master is not None
        return master

    async def _masters(self, pools: Sequence[str]) -> list[RedisNode | None]:
        return await self._do(lambda: [self.servers.master_of(pool) for pool in pools])

    async def _bring_back(self, node: RedisNode) -> None:
        await self._do(lambda: self.servers.restart(node))
        await self._do(self.servers.wait_whole)
        self._history.note(f"{node.name} is back")

    async def _do(self, step: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._supervisor, step)
