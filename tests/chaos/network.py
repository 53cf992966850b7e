"""The network between Penstock and Redis loses replies, falls silent, and cuts connections."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from tests.chaos.faults import Kind
from tests.chaos.history import History
from tests.chaos.proxy import Link, Proxy

_SILENCE_S = (0.5, 2.5)


@dataclass
class Network:
    """A proxy before each server."""

    proxies: Sequence[Proxy]
    random: Random
    history: History

    @property
    def kinds(self) -> Sequence[Kind]:
        """What can go wrong with connections."""
        return [(self.cut, 3), (self.lose_replies, 4), (self.silence, 3), (self.fall_silent, 1)]

    async def cut(self) -> None:
        """Some connections are reset."""
        links = self._some_links()
        self.history.note(f"cuts {len(links)} connections")
        for link in links:
            link.cut()

    async def lose_replies(self) -> None:
        """What some connections ask next is executed, and its answer lost with the connection."""
        links = self._some_links()
        self.history.note(f"loses the next reply of {len(links)} connections")
        for link in links:
            link.loses_reply = True

    async def silence(self) -> None:
        """Some connections die without a word."""
        links = self._some_links()
        self.history.note(f"silences {len(links)} connections")
        for link in links:
            link.is_silent = True

    async def fall_silent(self) -> None:
        """All connections to a server die without a word, and new ones are dead from the start."""
        seconds = self.random.uniform(*_SILENCE_S)
        proxy = self.random.choice(self.proxies)
        self.history.note(f"silences everything to {proxy.name} for {seconds:.1f} s")
        proxy.fall_silent()
        await asyncio.sleep(seconds)
        proxy.speak()
        self.history.note(f"new connections to {proxy.name} are served again")

    def _some_links(self) -> list[Link]:
        links = [link for proxy in self.proxies for link in proxy.links]
        return self.random.sample(links, k=self.random.randint(0, len(links)))
