"""Leadership: one scheduler per pool acts, by a lease in Redis; the others stand by."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

from penstock.broker import leading
from penstock.broker.client import Broker
from penstock.broker.epochs import next_epoch
from penstock.broker.repeating import repeat, rest
from penstock.broker.trouble import Duty, Trouble
from penstock.errors import BrokerError, BrokerUnavailableError
from penstock.settings import PoolSettings
from penstock.settings.shared import SharedSettings
from penstock.telemetry import events, logs, metrics
from scheduler.term import Term

if TYPE_CHECKING:
    from penstock.broker.contact import Contact
    from penstock.broker.script import Call

T = TypeVar("T")

#: Tries to take or renew the lease within its length.
_TRIES_PER_TTL = 3

_log = logs.get()


def scheduler_name() -> str:
    """Names this process in leader tokens."""
    return f"{socket.gethostname()}-{os.getpid()}"


class Candidate:
    """This process's candidacy for one pool."""

    def __init__(self, broker: Broker, contact: Contact, pool: str, settings: PoolSettings, *, ttl_s: float) -> None:
        self._broker = broker
        self._contact = contact
        self._pool = pool
        self._settings = settings
        self._ttl_ms = round(ttl_s * 1000)
        self._every_s = ttl_s / _TRIES_PER_TTL
        self._shared = SharedSettings.of(settings)
        self._stopping = asyncio.Event()
        self._term: Term | None = None
        #: The latest that was drawn: each term has one of its own in its token.
        self._epoch = 0
        #: What was said of the leader's settings, if they are not ours.
        self._difference = ""

    async def run(self, fulfil: Callable[[Term], Coroutine[Any, Any, None]]) -> None:
        """Stand by, lead, and stand by again, until stopped; `fulfil` does a leader's duties for a term.

        Whatever happens in it, a term ends alone: other pools have candidates of their own.
        """

        async def stand() -> None:
            term = await self._win()
            if term:
                trouble.passed()
                await self._serve(term, fulfil)

        trouble = self._trouble()
        await repeat(self._stopping, stand, trouble, pause_s=0)

    def stop(self) -> None:
        """End the term, if there is one, and stand for no other."""
        self._stopping.set()
        if self._term:
            self._term.over.set()

    def _trouble(self) -> Trouble:
        return Trouble(self._broker, self._pool, Duty.LEAD)

    async def _serve(self, term: Term, fulfil: Callable[[Term], Coroutine[Any, Any, None]]) -> None:
        self._term = term
        if self._stopping.is_set():
            term.over.set()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._renew(term))
                group.create_task(fulfil(term))
        finally:
            self._term = None
            await self._leave(term)

    async def _win(self) -> Term | None:
        """Stand by until the lease is ours, or (None) until stopped."""
        epoch = await self._run(next_epoch(self._pool, self._epoch))
        self._epoch = epoch
        token = f"{scheduler_name()}:{epoch}"
        while not self._stopping.is_set():
            with contextlib.suppress(BrokerUnavailableError):
                if await self._take(token):
                    return Term(pool=self._pool, token=token, broker=self._broker, settings=self._settings)
            await rest(self._stopping, self._every_s)
        return None

    async def _take(self, token: str) -> bool:
        """Take or renew the lease."""
        leadership = await self._run(leading.lead(self._pool, token, self._ttl_ms, self._shared.encoded))
        self._compare(leadership.settings)
        return leadership.is_ours

    async def _run(self, call: Call[T]) -> T:
        """Whoever stands for a pool asks now and then, whatever else it does: here an outage of Redis is noticed."""
        try:
            answer = await self._broker.run(call)
        except BrokerUnavailableError as error:
            self._contact.lost(self._pool, str(error))
            raise
        self._contact.back(self._pool)
        return answer

    def _compare(self, leaders: str) -> None:
        """Two schedulers that give one pool different settings: whichever leads, the other's are not the pool's."""
        difference = self._shared.difference(leaders)
        if difference and difference != self._difference:
            _log.warning(events.SETTINGS_DIFFER, pool=self._pool, settings=difference)
        self._difference = difference

    async def _renew(self, term: Term) -> None:
        """Beside the duties, so that a long pass of one of them costs no leadership."""

        async def once() -> None:
            if not await self._take(term.token):
                term.over.set()

        metrics.LEADER.labels(pool=self._pool).set(1)
        metrics.LEADERSHIPS.labels(pool=self._pool).inc()
        _log.info(events.LEADERSHIP_TAKEN, pool=self._pool, token=term.token)
        await repeat(term.over, once, self._trouble(), pause_s=self._every_s)

    async def _leave(self, term: Term) -> None:
        metrics.LEADER.labels(pool=self._pool).set(0)
        with contextlib.suppress(BrokerError):
            await self._broker.run(leading.resign(self._pool, term.token))
        _log.info(events.LEADERSHIP_LOST, pool=self._pool, token=term.token)
