"""What goes wrong, drawn one after the other: processes, the network and Redis each have kinds of their own."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Protocol

from tests.chaos.history import History

#: From one fault to the next; a freeze goes on meanwhile.
_GAP_S = (0.3, 1.8)

#: A fault, begun and undone, and how often it comes, relatively.
Kind = tuple[Callable[[], Awaitable[None]], int]


class Source(Protocol):
    """Where faults come from."""

    @property
    def kinds(self) -> Sequence[Kind]:
        """What can go wrong just now."""


@dataclass
class Faults:
    """One fault after the other, each drawn and each undone."""

    sources: Sequence[Source]
    random: Random
    history: History
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def rage(self, seconds: float) -> None:
        """Faults for so long; returns when all are over."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            task = asyncio.create_task(self._one())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            await asyncio.sleep(self.random.uniform(*_GAP_S))
        await asyncio.gather(*self._tasks)

    async def _one(self) -> None:
        kinds = [kind for source in self.sources for kind in source.kinds]
        (fault,) = self.random.choices([kind for kind, _ in kinds], [weight for _, weight in kinds])
        self.history.counts[fault.__qualname__] += 1
        await fault()
