"""Keeps listeners supplied: whoever missed a frame or hears nothing asks again from where it is."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from ingress.streams.listener import DeliveryMode
from penstock.answers.outcome import NOBODY, OVERRUN, SUPERSEDED, UNSERVED, VANISHED
from penstock.broker.submission import Attached, Missing, Moved, attach, enqueue
from penstock.errors import BrokerDataError, BrokerUnavailableError
from penstock.frames import Delta, Failure, encode_generated
from penstock.telemetry import events, logs, metrics

if TYPE_CHECKING:
    from ingress.streams.listener import Listener
    from ingress.streams.relay import Relay
    from penstock.broker.client import Broker

#: Ends a waiting job by its id, whose deadline has passed. Raises BrokerUnavailableError, BrokerDataError.
Expire = Callable[[str, Failure], Awaitable[None]]

#: How often silence is looked for.
_TICK_S = 0.5
#: Calls in one round trip, so that no reply takes long.
_BATCH = 100
#: Times a job is followed from worker to worker at once; after that it is asked for again when it is silent.
_HOPS = 3
#: Tokens asked for although they are here.
_COMPARED = 32

log = logs.get()


class Attacher:
    """Asks for tokens on behalf of one ingress, which hears frames on `channel`."""

    def __init__(self, broker: Broker, relay: Relay, channel: str, expire: Expire) -> None:
        self._broker = broker
        self._expire = expire
        self._relay = relay
        self._channel = channel
        #: Whether the last look at the listeners went wrong.
        self._is_troubled = False
        #: Pools of which a record was missed since the last look.
        self._lossy: set[str] = set()

    def attach_all(self) -> None:
        """After a gap in what we heard: every listener may have missed something."""
        for listener in self._relay:
            self._relay.report_hole(listener)

    async def run(self) -> None:
        """Serve until cancelled."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_TICK_S):
                    await self._relay.has_holes.wait()
            try:
                await self._look()
            except Exception as error:
                # Each listener's own errors are its own: this is ours, and no reason to leave them all alone.
                if not self._is_troubled:
                    log.exception(events.ATTACHING_FAILED, error=repr(error))
                self._is_troubled = True
            else:
                self._is_troubled = False

    async def _look(self) -> None:
        for reason, listeners in (("hole", self._missing_something()), ("silence", self._silent(time.monotonic()))):
            # Side by side: in a cluster one pool's node may be away, and keep those who ask it waiting.
            await asyncio.gather(*(self._try_to_ask(own, reason) for own in _by_pool(listeners)))
        self._hasten()
        await self._give_up(time.monotonic())

    async def attach(self, listener: Listener) -> None:
        """Ask for a listener's job at once. Raises BrokerUnavailableError, BrokerDataError."""
        for _ in range(_HOPS):
            (reply,) = await self._replies([listener], "open")
            if isinstance(reply, Exception):
                raise reply
            if not await self._settle(listener, reply):
                return

    def entry(self, delivery: DeliveryMode) -> str:
        """How a job's record names a listener of this ingress."""
        return f"{delivery}:{self._channel}"

    @property
    def entries(self) -> tuple[str, ...]:
        """All that this ingress may be called in a job's record."""
        return tuple(map(self.entry, DeliveryMode))

    def _missing_something(self) -> list[Listener]:
        found = list(self._relay.holes)
        self._relay.holes.clear()
        self._relay.has_holes.clear()
        return found

    def _silent(self, now_s: float) -> list[Listener]:
        quiet = [one for one in self._relay if not one.watch.heard(now_s, one.offset)]
        return [one for one in quiet if one.watch.is_due(now_s)]

    async def _give_up(self, now_s: float) -> None:
        """End what the scheduler should have ended by now: there is none. First in Redis, if it can be reached."""
        hopeless = [one for one in self._relay if one.watch.is_hopeless(now_s)]
        with contextlib.suppress(BrokerUnavailableError):
            for listener in hopeless:
                if listener.watch.is_queued:
                    with contextlib.suppress(BrokerDataError):
                        await self._expire(listener.job_id, NOBODY)
        for listener in hopeless:
            listener.finish(UNSERVED if listener.watch.is_queued else OVERRUN)

    async def _try_to_ask(self, listeners: Sequence[Listener], reason: str) -> None:
        """After an outage each is asked for again when its patience is over: open streams outlive it."""
        with contextlib.suppress(BrokerUnavailableError):
            await self._ask(listeners, reason)

    async def _ask(self, listeners: Sequence[Listener], reason: str) -> None:
        for start in range(0, len(listeners), _BATCH):
            moved: Sequence[Listener] = listeners[start : start + _BATCH]
            for _ in range(_HOPS):
                moved = await self._ask_once(moved, reason)

    async def _ask_once(self, listeners: Sequence[Listener], reason: str) -> list[Listener]:
        """Returns those whose job has moved to another worker meanwhile."""
        if not listeners:
            return []
        replies = await self._replies(listeners, reason)
        return [one for one, reply in zip(listeners, replies, strict=True) if await self._has_moved(one, reply)]

    async def _replies(self, listeners: Sequence[Listener], reason: str) -> list[Any]:
        now_s = time.monotonic()
        for listener in listeners:
            listener.watch.asked(now_s)
            metrics.ATTACHES.labels(listener.pool, reason).inc()
        return await self._broker.run_each(
            [attach(one.pool, one.job_id, one.watch.worker, self.entry(one.delivery), _from(one)) for one in listeners]
        )

    async def _has_moved(self, listener: Listener, reply: Missing | Moved | Attached | Exception) -> bool:
        """As `_settle`; whatever goes wrong is this listener's alone. Raises BrokerUnavailableError."""
        error: Exception
        try:
            if not isinstance(reply, Exception):
                return await self._settle(listener, reply)
            error = reply
        except BrokerUnavailableError:
            raise
        except Exception as raised:  # noqa: BLE001 - its client hears of it, and the others go on
            error = raised
        # What cannot be read may be in order a moment later, as a record that is missing may be there again.
        if not isinstance(error, BrokerDataError) or listener.watch.missed():
            self._relay.fail(listener, error)
        return False

    async def _settle(self, listener: Listener, reply: Missing | Moved | Attached) -> bool:
        """Take an answer; True if the question is to be put again, to another worker."""
        if listener.over.done():
            return False
        match reply:
            case Moved(worker):
                listener.watch.worker = worker
                return True
            case Missing():
                await self._recover(listener)
            case Attached(state, fence, prefix, result, queue_timeout_ms, run_timeout_ms):
                listener.watch.learned(time.monotonic(), state, fence)
                listener.watch.promised(queue_timeout_ms, run_timeout_ms)
                if listener.is_of_older_run(fence):
                    listener.finish(SUPERSEDED)
                elif result is not None:
                    known, end = result.generated, result.end
                    listener.feed(Delta(listener.job_id, fence, 0, known.tokens, known.pieces, end))
                elif prefix.tokens:
                    listener.feed(Delta(listener.job_id, fence, 0, prefix.tokens, prefix.pieces))
        return False

    async def _recover(self, listener: Listener) -> None:
        """Redis lost the record: whoever submitted the job does it again, from where its client is.

        Redis has probably lost all of them. What ran goes first, wherever it is: what waited is not in its way before
        everybody has had the time to notice.
        """
        self._lossy.add(listener.pool)
        if listener.job is None or not listener.has_run:
            if not listener.watch.missed():
                return
            if listener.job is None:
                listener.finish(VANISHED)
                return
        job = msgspec.structs.replace(
            listener.job,
            prefix=encode_generated(listener.generated),
            fence=listener.fence,
            is_resumed=listener.has_run,
        )
        await self._broker.run(enqueue(job, max_jobs=0, max_bytes=0))
        metrics.RESUBMITTED.labels(listener.pool).inc()
        log.warning(events.JOB_RESUBMITTED, job=listener.job_id, tokens=listener.offset)

    def _hasten(self) -> None:
        """Where one record was lost, ask for the jobs that ran before their silence makes us."""
        if not self._lossy:
            return
        for listener in self._relay:
            if listener.pool in self._lossy and listener.has_run:
                self._relay.report_hole(listener)
        self._lossy.clear()


def _by_pool(listeners: Sequence[Listener]) -> list[list[Listener]]:
    found: dict[str, list[Listener]] = {}
    for listener in listeners:
        found.setdefault(listener.pool, []).append(listener)
    return list(found.values())


def _from(listener: Listener) -> int:
    """From which offset on to ask: some tokens that we have are compared, and so tell another text from ours.

    A failover may have lost that the job was assigned; then a worker that knows nothing of our tokens begins it again.
    """
    return max(listener.base, listener.offset - _COMPARED)
