"""A way to Redis that lasts: a connection that is opened when it is needed, and again when it was lost."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from redis.exceptions import BusyLoadingError, ReadOnlyError, RedisError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from penstock.broker.connections import Endpoint, Form, client_of
from penstock.broker.link import Answer, Command, Link, NotNowError, open_link

if TYPE_CHECKING:
    from redis.asyncio import Redis

#: A server that cannot answer, or (a replica by now) may not: the same command may succeed a moment later.
LOST = (RedisConnectionError, RedisTimeoutError, BusyLoadingError, ReadOnlyError, NotNowError, OSError)
#: Replies that redis-py's cluster client asks for itself, and wants parsed.
_CLUSTER_NEEDS = {"CLUSTER SLOTS", "COMMAND"}


class Channel(Protocol):
    """Round trips, each at most once: what is to be done about a lost reply is the caller's matter."""

    async def ask(self, commands: Sequence[Command], timeout_s: float) -> list[Any]:
        """Send commands in order and wait for their replies, as the protocol has them, errors among them.

        Raises one of LOST; then each command was run, or not.
        """

    def begin(self, commands: Sequence[Command], timeout_s: float, answer: Answer) -> bool:
        """Send commands without a task to wait for them; False where there is no connection to send them by."""

    async def close(self) -> None:
        """Close the connection."""


def open_channel(endpoint: Endpoint, *, connect_s: float = 1.0) -> Channel:
    """A channel of its own; nothing is connected yet."""
    if endpoint.form is Form.CLUSTER:
        return _ClusterChannel(endpoint, connect_s)
    return _LinkChannel(endpoint, connect_s)


class _LinkChannel:
    """To one server. Whoever asks at the same time shares the connection, and waits behind what blocks."""

    def __init__(self, endpoint: Endpoint, connect_s: float) -> None:
        self._endpoint = endpoint
        self._connect_s = connect_s
        self._link: Link | None = None
        self._opening = asyncio.Lock()

    async def ask(self, commands: Sequence[Command], timeout_s: float) -> list[Any]:
        link = self._link
        if link is None or link.is_lost:
            link = await self._open()
        return await link.ask(commands, timeout_s)

    def begin(self, commands: Sequence[Command], timeout_s: float, answer: Answer) -> bool:
        if self._link is None or self._link.is_lost:
            return False
        self._link.send(commands, timeout_s, answer)
        return True

    async def close(self) -> None:
        if self._link is not None:
            self._link.close()

    async def _open(self) -> Link:
        async with self._opening:
            if self._link is None or self._link.is_lost:
                self._link = await open_link(self._endpoint, self._connect_s)
            return self._link


class _ClusterChannel:
    """To whichever node has the slot: redis-py knows the way."""

    def __init__(self, endpoint: Endpoint, connect_s: float) -> None:
        self._endpoint = endpoint
        self._connect_s = connect_s
        self._client: Redis | None = None

    async def ask(self, commands: Sequence[Command], timeout_s: float) -> list[Any]:
        if self._client is None:
            self._client = client_of(self._endpoint, connect_s=self._connect_s, timeout_s=None)
            for name in self._client.response_callbacks.keys() - _CLUSTER_NEEDS:
                del self._client.response_callbacks[name]
        async with asyncio.timeout(timeout_s):
            return [await self._run(self._client, command) for command in commands]

    def begin(self, commands: Sequence[Command], timeout_s: float, answer: Answer) -> bool:  # noqa: ARG002 - it cannot
        return False

    async def close(self) -> None:
        if self._client is not None:
            await self._client.aclose()

    async def _run(self, client: Redis, command: Command) -> Any:
        try:
            return await client.execute_command(*command)  # type: ignore[no-untyped-call]
        except LOST:
            raise
        except RedisError as error:
            return error
