"""Everything that `penstock up` starts on one machine, and the order in which it comes and goes."""

from __future__ import annotations

import asyncio
import functools
import signal
from pathlib import Path
from typing import TYPE_CHECKING

from penstock.broker.embedded import EmbeddedRedis
from penstock.cli.child import Child, spawn_penstock

if TYPE_CHECKING:
    from penstock.settings import Settings

_POLL_S = 0.02
#: What a process needs besides its own grace to say goodbye.
_GOODBYE_S = 3.0
#: How long open streams get for their last bytes once the workers are gone.
_LAST_BYTES_S = 1.0


class Stack:
    """Redis (if embedded), one ingress, one scheduler, one background process, and a worker host per pool."""

    def __init__(self, settings: Settings, config: Path) -> None:
        self._server = EmbeddedRedis(settings.redis) if settings.redis.is_embedded else None
        self._redis = [Child("redis", self._server.spawn)] if self._server else []
        self._ingress = _role(config, "ingress")
        self._scheduler = _role(config, "scheduler")
        self._background = _role(config, "background")
        self._workers = [_role(config, "worker", "--pool", pool) for pool in settings.pools]
        self._drain_grace_s = max(pool.drain_grace_s for pool in settings.pools.values())

    async def run(self) -> int:
        """Start everything; returns when a child ended for good, which none should, with its exit status.

        Raises SettingsError where the data folder is in use or cannot be read, BrokerUnavailableError where the server
        does not come up.
        """
        lives = [child.start() for child in self._redis]
        if self._server is not None:
            await _serving(self._server, lives[0])
        lives += [child.start() for child in (self._ingress, self._scheduler, self._background, *self._workers)]
        done, _ = await asyncio.wait(lives, return_when=asyncio.FIRST_COMPLETED)
        return done.pop().result()

    async def stop(self) -> None:
        """Drain and end everything; Redis is the last, for the others write to it until they end."""
        self._ingress.signal(signal.SIGTERM)
        await asyncio.gather(*(worker.stop(self._drain_grace_s + _GOODBYE_S) for worker in self._workers))
        if not await self._ingress.gone(_LAST_BYTES_S):
            # Its streams have nobody left to feed them: the second SIGTERM closes them.
            await self._ingress.stop(_GOODBYE_S)
        # What ended until now is accounted for before it goes.
        await asyncio.gather(self._scheduler.stop(_GOODBYE_S), self._background.stop(_GOODBYE_S))
        for redis in self._redis:
            await redis.stop(_GOODBYE_S)

    def kill(self) -> None:
        """End everything at once; Redis still gets to write what it has."""
        for child in (self._ingress, self._scheduler, self._background, *self._workers):
            child.signal(signal.SIGKILL)
        for redis in self._redis:
            redis.signal(signal.SIGTERM)


def _role(config: Path, command: str, *args: str) -> Child:
    name = "-".join((command, *args[1:]))
    return Child(name, functools.partial(spawn_penstock, command, "--config", str(config), *args))


async def _serving(server: EmbeddedRedis, life: asyncio.Task[int]) -> None:
    """Wait until the server has loaded its data, however much that is, unless it gives up."""
    while True:
        await asyncio.sleep(_POLL_S)
        if life.done():
            life.result()
        if server.pid is None:
            raise server.failure()
        # Asked last: on a folder in use, the server that answers is another's.
        if server.is_ready():
            return
