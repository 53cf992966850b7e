"""Small orders to every pool, one after the other without waiting: they tell when a pool serves."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random

from tests.chaos.client_call import ClientCall
from tests.chaos.ledger import Ledger
from tests.chaos.orders import OrderBook
from tests.chaos.wire import LostError, RefusedError, Wire, text_of

_GAP_S = 0.25


@dataclass
class Probes:
    """Each goes to any ingress and is an order like any other, in the ledger too."""

    book: OrderBook
    ledger: Ledger
    wire: Wire
    urls: list[str]
    random: Random
    #: When requests to a pool were served.
    served_s: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def keep_asking(self, pools: Sequence[str]) -> None:
        """Until cancelled."""
        while True:
            for pool in pools:
                task = asyncio.create_task(self._ask(pool))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
            await asyncio.sleep(_GAP_S)

    async def finish(self) -> None:
        """Wait for those under way."""
        await asyncio.gather(*self._tasks)

    async def _ask(self, pool: str) -> None:
        entry = self.ledger.open(self.book.probe(pool), "probes", insists=False, may_be_cancelled=True)
        call = ClientCall(entry, self.random, self.wire, self.urls)
        with suppress(LostError, RefusedError):
            async with call.submit(is_streamed=False) as answer:
                entry.read("answer", text_of(await answer.json()), is_whole=True)
                self.served_s[pool].append(time.monotonic())
