"""Opening links: to one node, or to whichever node of an endpoint serves."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from penstock.broker.connections import Endpoint, Node
from penstock.broker.error_replies import NotNowError
from penstock.broker.errors import RedisError
from penstock.broker.link import Command, Link, raise_any
from penstock.settings.kinds import RedisForm

T = TypeVar("T")
Deliver = Callable[[Any], None]

#: How long a node may keep the next one waiting before that is asked too.
_STAGGER_S = 0.1


async def open_link(endpoint: Endpoint, timeout_s: float, deliver: Deliver | None = None) -> Link:
    """Connect to the one server of an endpoint, or to the master that Sentinel names. Raises OSError, RedisError."""
    async with asyncio.timeout(timeout_s):
        if endpoint.form is not RedisForm.SENTINEL:
            return await open_node(endpoint, endpoint.nodes[0] if endpoint.nodes else None, timeout_s, deliver)
        link = await open_node(endpoint, await master_of(endpoint, timeout_s), timeout_s, deliver)
        try:
            _require_master(await link.ask([("ROLE",)], timeout_s))
        except BaseException:
            link.close()
            raise
        return link


async def open_node(endpoint: Endpoint, node: Node | None, timeout_s: float, deliver: Deliver | None = None) -> Link:
    """Connect to one server of an endpoint, None for its socket, and log in. Raises OSError, RedisError."""
    async with asyncio.timeout(timeout_s):
        link = await _connected(endpoint, node, deliver)
        try:
            raise_any(await link.ask(_greeting(endpoint), timeout_s), RedisError)
        except BaseException:
            link.close()
            raise
    return link


async def master_of(endpoint: Endpoint, timeout_s: float) -> Node:
    """Where the first Sentinel that answers says that the master is. Raises OSError, RedisError."""
    return await first_of([partial(_named_by, endpoint, sentinel, timeout_s) for sentinel in endpoint.nodes])


async def first_of(attempts: Sequence[Callable[[], Awaitable[T]]]) -> T:
    """The first success of several attempts, each begun when the one before failed, or takes long.

    Raises the last error where all fail. What the others bring is dropped: it must not need to be closed.
    """
    waiting = list(attempts)
    running: set[asyncio.Future[T]] = set()
    error: BaseException = ConnectionError("There is nobody to ask.")
    try:
        while waiting or running:
            if waiting:
                attempt = asyncio.ensure_future(waiting.pop(0)())
                attempt.add_done_callback(_hear_out)
                running.add(attempt)
            done, running = await asyncio.wait(
                running, timeout=_STAGGER_S if waiting else None, return_when=asyncio.FIRST_COMPLETED
            )
            for one in done:
                if (failure := one.exception()) is None:
                    return one.result()
                error = failure
        raise error
    finally:
        for one in running:
            one.cancel()


def _hear_out(attempt: asyncio.Future[T]) -> None:
    """Whoever comes second is not asked for its error, which is none then."""
    if not attempt.cancelled():
        attempt.exception()


async def _named_by(endpoint: Endpoint, sentinel: Node, timeout_s: float) -> Node:
    # The credentials are the servers', not the Sentinels'.
    link = await open_node(replace(endpoint, username=None, password=None, db=0), sentinel, timeout_s)
    try:
        (reply,) = await link.ask([("SENTINEL", "GET-MASTER-ADDR-BY-NAME", endpoint.service)], timeout_s)
    finally:
        link.close()
    raise_any([reply], RedisError)
    if not reply:
        raise NotNowError(f"Sentinel at {sentinel[0]}:{sentinel[1]} knows no master {endpoint.service!r}.")
    host, port = reply
    return host.decode(), int(port)


def _require_master(replies: Sequence[Any]) -> None:
    """A Sentinel that was away itself may still name the master from before."""
    raise_any(replies, RedisError)
    if replies[0][0] != b"master":
        raise NotNowError("The server that Sentinel named is no master any more.")


async def _connected(endpoint: Endpoint, node: Node | None, deliver: Deliver | None) -> Link:
    loop = asyncio.get_running_loop()
    if node is None:
        return (await loop.create_unix_connection(lambda: Link(deliver), endpoint.path))[1]
    tls = ssl.create_default_context() if endpoint.tls else None
    transport, link = await loop.create_connection(lambda: Link(deliver), *node, ssl=tls)
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    return link


def _greeting(endpoint: Endpoint) -> list[Command]:
    """Log in and choose the database; with RESP2, what a new connection speaks, nothing else has to be agreed on."""
    words: list[Command] = []
    if endpoint.password is not None:
        words.append(("AUTH", *filter(None, (endpoint.username,)), endpoint.password))
    if endpoint.db:
        words.append(("SELECT", endpoint.db))
    return words
