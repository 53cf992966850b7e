"""A worker's pulse: a process of its own renews the lease, for the worker's interpreter may be busy for seconds.

A thread would suffice if only the event loop were ever busy. But it needs the interpreter's lock several times per
beat: a call in C that keeps the lock stops it, and on a machine with more work than cores it waits each time.
"""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import socket
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from penstock.broker import holding, leading, observing
from penstock.broker.client import Broker
from penstock.broker.contact import Contact
from penstock.errors import BrokerError
from penstock.process import die_with_parent
from penstock.worker_state import WorkerState

if TYPE_CHECKING:
    from penstock.broker.connections import Endpoint
    from penstock.broker.script import Call
    from penstock.settings import PoolSettings

#: Told apart from the worker's by this, in lists of processes.
PROCESS_NAME = "penstock-lease"
#: A worker that has not spoken for so long gets no new work until it does.
QUIET_S = 2.0
#: Beats that may be lost with their connection before the lease is.
_TRIES_PER_LEASE = 3
_MESSAGE_BYTES = 1 << 16


class Word(Struct, frozen=True):
    """What a worker says whenever its event loop turns."""

    #: Whose lease to renew; "" for nobody's.
    instance: str
    state: str = ""
    fields: dict[str, Any] = {}


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Word)
encode_word = _encoder.encode


def wire() -> tuple[socket.socket, socket.socket]:
    """Between a worker and its pulse: words go one way, the names of fenced instances the other."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    for end in (ours, theirs):
        end.settimeout(0)
    return ours, theirs


async def received(end: socket.socket) -> bytes:
    """The next message; nothing once the other side has hung up."""
    try:
        return await asyncio.get_running_loop().sock_recv(end, _MESSAGE_BYTES)
    except ConnectionResetError:
        # It left something unread.
        return b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rhythm:
    """How often a pulse beats, and how long the worker may be silent."""

    heartbeat_s: float
    lease_ttl_s: float
    #: A worker that has not spoken for so long is declared lost.
    stall_s: float

    @classmethod
    def of(cls, settings: PoolSettings) -> Rhythm:
        """A pool's."""
        return cls(heartbeat_s=settings.heartbeat_s, lease_ttl_s=settings.lease_ttl_s, stall_s=settings.worker_stall_s)


@contextmanager
def beating(endpoint: Endpoint, pool: str, rhythm: Rhythm) -> Iterator[socket.socket]:
    """Have a pulse beside this process; gives the worker's end of the wire.

    It forks: call it in the main thread, before there is an event loop or another thread.
    """
    ours, theirs = wire()
    worker = os.getpid()
    pid = os.fork()
    if pid == 0:
        ours.close()
        _live(worker, Pulse(theirs, endpoint, pool, rhythm))
    theirs.close()
    try:
        yield ours
    finally:
        ours.close()
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def _live(worker: int, pulse: Pulse) -> None:
    """The child's whole life; never returns into the worker's code."""
    status = 1
    try:
        die_with_parent(parent_pid=worker)
        Path("/proc/self/comm").write_text(PROCESS_NAME)
        # What the worker has loaded is not looked at again: it stays shared memory.
        gc.freeze()
        asyncio.run(pulse.run())
        status = 0
    except BaseException:  # noqa: BLE001 - whatever it is, the process ends here, and with it the worker
        traceback.print_exc()
    finally:
        os._exit(status)


class Pulse:
    """Beats for the instance that the worker speaks of, until the worker hangs up."""

    def __init__(self, worker: socket.socket, endpoint: Endpoint, pool: str, rhythm: Rhythm) -> None:
        self._worker = worker
        self._endpoint = endpoint
        self._pool = pool
        self._rhythm = rhythm
        self._word = Word("")
        #: Set when there is something that should not wait for the next beat.
        self._news = asyncio.Event()
        self._silent_s = 0.0
        self._turned_s = 0.0
        #: The instance that need not beat any more.
        self._fenced = ""
        self._contact = Contact(endpoint.address)

    async def run(self) -> None:
        """Returns when the worker hangs up."""
        # A reply that takes longer is given up with its connection, in time for another try.
        broker = Broker(self._endpoint, timeout_s=self._rhythm.lease_ttl_s / _TRIES_PER_LEASE)
        listening = asyncio.create_task(self._listen())
        self._turned_s = time.monotonic()
        try:
            while not listening.done():
                self._count_silence()
                if not self._word.instance:
                    await self._look(broker)
                elif self._word.instance != self._fenced:
                    await self._beat(broker, self._word)
                await self._pause()
            listening.result()
        finally:
            listening.cancel()
            await asyncio.wait([listening])
            self._worker.close()
            await broker.close()

    async def _listen(self) -> None:
        while data := await received(self._worker):
            before, self._word = self._word, _decoder.decode(data)
            is_news = (before.instance, before.state) != (self._word.instance, self._word.state)
            if is_news or self._silent_s >= QUIET_S:
                self._news.set()
            self._silent_s = 0.0
        self._news.set()

    def _count_silence(self) -> None:
        """Counts turns and not time: while this process was halted, nobody listened."""
        now_s = time.monotonic()
        self._silent_s += min(now_s - self._turned_s, self._rhythm.lease_ttl_s)
        self._turned_s = now_s

    async def _look(self, broker: Broker) -> None:
        """Log whether Redis is away: a worker that waits to register logs nothing."""
        try:
            await broker.ask(observing.clock_ms())
        except BrokerError as error:
            self._contact.lost(self._pool, str(error), pool=self._pool)
        else:
            self._contact.back(self._pool, pool=self._pool)

    async def _beat(self, broker: Broker, word: Word) -> None:
        try:
            reply = await broker.run(self._call(word))
        except BrokerError as error:
            self._contact.lost(self._pool, str(error), worker=word.instance)
            return
        self._contact.back(self._pool, worker=word.instance)
        if reply != "alive":
            self._fenced = word.instance
            # A worker that has hung up needs no word.
            with suppress(OSError):
                self._worker.send(word.instance.encode())

    def _call(self, word: Word) -> Call[str]:
        if self._silent_s >= self._rhythm.stall_s:
            why = f"its event loop stood still for {self._rhythm.stall_s:g} s"
            return leading.declare_lost(self._pool, word.instance, beat=None, why=why)
        is_quiet = self._silent_s >= QUIET_S and word.state == WorkerState.READY
        return holding.beat(self._pool, word.instance, WorkerState.STALLED if is_quiet else word.state, word.fields)

    async def _pause(self) -> None:
        try:
            async with asyncio.timeout(self._rhythm.heartbeat_s):
                await self._news.wait()
        except TimeoutError:
            return
        self._news.clear()
