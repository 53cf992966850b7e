"""Clients of every kind, each with its own idea of what to do when something goes wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from random import Random

from tests.chaos.client_call import ClientCall
from tests.chaos.ledger import Ledger
from tests.chaos.orders import OrderBook
from tests.chaos.wire import LostError, RefusedError, Wire, text_of


async def waits(call: ClientCall) -> None:
    """Wants the whole answer at once; sends the same again, with its key, until it comes."""
    while not call.entry.is_served:
        with suppress(LostError, RefusedError):
            async with call.submit(is_streamed=False) as answer:
                call.entry.read("answer", text_of(await answer.json()), is_whole=True)
                return
        await call.pause()


async def times_out(call: ClientCall) -> None:
    """Wants the whole answer at once, is impatient, and comes back with its key until it comes."""
    while not call.entry.is_served:
        with suppress(TimeoutError, LostError, RefusedError):
            async with asyncio.timeout(call.random.uniform(0.1, 2.0)), call.submit(is_streamed=False) as answer:
                call.entry.read("answer", text_of(await answer.json()), is_whole=True)


async def streams_again(call: ClientCall) -> None:
    """Streams; where that breaks off, sends the same again and reads from the start."""
    while not call.entry.is_served:
        with suppress(LostError, RefusedError):
            async with call.submit() as answer:
                await call.collect(answer)
                return
        await call.pause()


async def resumes(call: ClientCall) -> None:
    """Streams; where that breaks off, reads the job's events, resuming wherever those break off."""
    if not await _begin(call):
        await call.follow()


async def polls(call: ClientCall) -> None:
    """Looks at the first chunks, goes away, and comes back for the result and for a replay of it."""
    await _begin(call, most_chunks=call.random.randint(1, 8))
    job = await call.poll()
    if job["result"] is not None:
        call.entry.read("result", text_of(job["result"]), is_whole=True)
        await call.follow()


async def is_twins(call: ClientCall) -> None:
    """Sends the order twice at the same time; both get the one job's whole answer."""
    await asyncio.gather(streams_again(call), waits(call))


async def outlives_its_twin(call: ClientCall) -> None:
    """Sends the order twice at the same time; one of the two leaves soon, the other gets the whole answer."""

    async def looks_in() -> None:
        with suppress(TimeoutError, LostError, RefusedError):
            async with asyncio.timeout(call.random.uniform(0.05, 1.0)):
                await _begin(call, most_chunks=call.random.randint(1, 8))

    await asyncio.gather(looks_in(), streams_again(call))


async def regrets(call: ClientCall) -> None:
    """Ends its job, and then wants the answer after all."""
    with suppress(TimeoutError, LostError, RefusedError):
        async with asyncio.timeout(call.random.uniform(0.05, 1.0)):
            await _begin(call)
    if call.entry.job is not None and not call.entry.is_served:
        await call.ask_once("DELETE")
    await streams_again(call)


async def cancels(call: ClientCall) -> None:
    """Starts to read, then ends the job, twice to be sure."""
    with suppress(TimeoutError):
        async with asyncio.timeout(call.random.uniform(0.05, 1.5)):
            await _begin(call)
    if call.entry.job is not None:
        await call.cancel()
        await call.cancel()
        await call.poll()


async def leaves(call: ClientCall) -> None:
    """Starts to read, and goes away without a word: nobody wants the job any more."""
    async with call.submit() as answer:
        await call.collect(answer, most_chunks=call.random.randint(1, 8))


async def takes_what_comes(call: ClientCall) -> None:
    """Streams without a key; where that breaks off, that was it."""
    async with call.submit() as answer:
        await call.collect(answer)


async def _begin(call: ClientCall, *, most_chunks: int | None = None) -> bool:
    """Stream as far as it goes; whether that was all. Raises LostError, RefusedError if nobody took the order."""
    try:
        async with call.submit() as answer:
            return await call.collect(answer, most_chunks=most_chunks)
    except LostError:
        if call.entry.job is None:
            raise
        return False


@dataclass(frozen=True)
class Kind:
    """A client's habits."""

    behave: Callable[[ClientCall], Awaitable[None]]
    #: How many of all clients, relatively, are so.
    share: int
    #: It goes on until it has the whole answer.
    insists: bool = False
    #: It may end its job, or have it ended by going away.
    cancels: bool = False
    #: It sends an Idempotency-Key, by which its job is kept too.
    has_key: bool = True


KINDS = (
    Kind(waits, 3, insists=True),
    Kind(times_out, 2, insists=True),
    Kind(streams_again, 3, insists=True),
    Kind(resumes, 5, insists=True),
    Kind(polls, 3, insists=True),
    Kind(is_twins, 1, insists=True),
    Kind(outlives_its_twin, 1, insists=True),
    Kind(regrets, 1, insists=True, cancels=True),
    Kind(cancels, 2, cancels=True),
    Kind(leaves, 1, cancels=True, has_key=False),
    Kind(takes_what_comes, 2, cancels=True, has_key=False),
)


@dataclass
class Crowd:
    """As many clients as it takes, each with one order after the other."""

    seed: int
    book: OrderBook
    ledger: Ledger
    wire: Wire
    urls: list[str]
    is_open: bool = True

    async def keep_coming(self) -> None:
        """One client after the other, until closing time."""
        while self.is_open:
            await self._one()

    async def _one(self) -> None:
        order = self.book.next()
        random = Random(f"{self.seed}/client/{order.number}")
        (kind,) = random.choices(KINDS, [kind.share for kind in KINDS])
        name = kind.behave.__name__
        entry = self.ledger.open(order, name, insists=kind.insists, may_be_cancelled=kind.cancels)
        key = f"chaos-{self.seed}-{order.number}" if kind.has_key else ""
        call = ClientCall(entry, random, self.wire, self.urls, key)
        while not entry.is_served:
            with suppress(LostError, RefusedError):
                await kind.behave(call)
                return
            if not kind.insists:
                return
            await call.pause()
