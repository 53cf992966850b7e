"""Redis in one of its forms, and what can go wrong with it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol

import redis

from tests.chaos.faults import Kind
from tests.chaos.outages import Outage
from tests.chaos.proxy import Proxy
from tests.harness.stack import Servers

TICK_S = 0.02


class Deployment(Protocol):
    """Servers, and a proxy before each."""

    @property
    def servers(self) -> Servers:
        """Themselves; they are started here."""

    @property
    def proxies(self) -> Sequence[Proxy]:
        """One before each server."""

    @property
    def outages(self) -> Sequence[Outage]:
        """What has happened to them so far."""

    @property
    def url(self) -> str:
        """How Penstock connects: by the proxies."""

    @property
    def kinds(self) -> Sequence[Kind]:
        """What can go wrong just now: one thing at a time."""

    async def start(self) -> None:
        """Start all and wait until they serve."""

    async def stop(self) -> None:
        """End the proxies; the servers end with the stack."""

    async def fail(self, *, is_calm: bool = False) -> None:
        """The worst that it is made for; returns when everything is as it was."""

    def client_of(self, pool: str) -> redis.Redis:
        """A way to the server that has a pool's keys."""


async def stop_all(proxies: Sequence[Proxy]) -> None:
    """Cut everything."""
    await asyncio.gather(*(proxy.stop() for proxy in proxies))
