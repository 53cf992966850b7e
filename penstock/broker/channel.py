"""A way to Redis that lasts: connections that are opened when they are needed, and again when they were lost."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Protocol

from penstock.broker.cluster import Cluster
from penstock.broker.connections import Endpoint
from penstock.broker.dialing import Deliver, open_link
from penstock.broker.link import Command, Link, ReplyTaker
from penstock.settings.kinds import RedisForm


class Channel(Protocol):
    """Round trips, each at most once: what is to be done about a lost reply is the caller's matter."""

    async def ask(self, commands: Sequence[Command], timeout_s: float) -> list[Any]:
        """Send commands in order and wait for their replies, as the protocol has them, errors among them.

        Raises one of LOST; then each command was run, or not.
        """

    def begin(self, commands: Sequence[Command], timeout_s: float, answer: ReplyTaker) -> bool:
        """Send commands without a task to wait for them; False where there is no connection to send them by."""

    async def close(self) -> None:
        """Close the connection."""


class Servers(Protocol):
    """Where an endpoint leads; nothing is connected yet."""

    def channel(self) -> Channel:
        """A channel of its own."""

    async def subscriber(self, deliver: Deliver) -> Link:
        """A connection whose unasked messages go to `deliver`. Raises one of LOST."""


def servers_of(endpoint: Endpoint, connect_s: float) -> Servers:
    """What there is behind an endpoint; `connect_s` bounds each attempt to connect."""
    if endpoint.form is RedisForm.CLUSTER:
        return Cluster(endpoint, connect_s)
    return _OneServer(endpoint, connect_s)


class _OneServer:
    """One that serves everything, whichever it is by now."""

    def __init__(self, endpoint: Endpoint, connect_s: float) -> None:
        self._endpoint = endpoint
        self._connect_s = connect_s

    def channel(self) -> Channel:
        return _LinkChannel(self._endpoint, self._connect_s)

    async def subscriber(self, deliver: Deliver) -> Link:
        return await open_link(self._endpoint, self._connect_s, deliver)


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

    def begin(self, commands: Sequence[Command], timeout_s: float, answer: ReplyTaker) -> bool:
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
