"""Writes to Redis what the jobs of one instance produce: in order, one round trip at a time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from itertools import takewhile
from typing import TYPE_CHECKING

from penstock.broker import holding
from penstock.errors import BrokerError
from penstock.frames import encode_frame, joined
from penstock.telemetry import metrics
from workers.closing import finish, hand_back
from workers.trouble import Trouble
from workers.window import JournalWindow

if TYPE_CHECKING:
    from penstock.broker.client import Broker
    from penstock.broker.script import Call
    from penstock.frames import Delta, End, Row
    from workers.run import Run

    #: A call, and what to do with its reply.
    Write = tuple[Call[str], Callable[[str], None]]


#: Steps in the journal for which a job may rely on it alone.
CHECKPOINT_STEPS = 4000


class Emitter:
    """The way out of one instance.

    While a round trip is under way the next steps gather, so that a slow Redis gets fewer and larger frames. Nothing is
    given up while Redis is away: what gathers is bounded by the jobs that run.
    """

    def __init__(
        self,
        broker: Broker,
        pool: str,
        instance: str,
        *,
        queue_timeout_ms: int,
        on_closed: Callable[[Run, str], None],
        on_fenced: Callable[[], None],
    ) -> None:
        """`on_closed` hears what Redis said to a run's end or hand-back; `on_fenced` that no more writes are taken."""
        self._broker = broker
        self._pool = pool
        self._instance = instance
        self._queue_timeout_ms = queue_timeout_ms
        self._on_closed = on_closed
        self._on_fenced = on_fenced
        #: Tokens that were not sent, by the channels they go to; each run puts its own there.
        self._rows: dict[tuple[str, ...], list[Row]] = {}
        #: Steps they are of.
        self._steps = 0
        self._snapshots: list[tuple[Run, str, int]] = []
        self._ended: list[tuple[Run, End]] = []
        self._returned: list[Run] = []
        self._window = JournalWindow(CHECKPOINT_STEPS)
        self._loop = asyncio.get_running_loop()
        #: What is being written; empty while no round trip is under way.
        self._writes: list[Write] = []
        self._began_s = 0.0
        self._is_due = False
        #: Set when a round trip failed, for `run` to insist on it.
        self._is_stuck = asyncio.Event()
        self._trouble = Trouble(pool, instance)
        self._error: Exception | None = None
        #: Set while there is nothing to write.
        self._quiet = asyncio.Event()
        self._is_fenced = False
        self._frames_written = metrics.STEP_FRAMES.labels(pool)
        self._write_seconds = metrics.FRAME_WRITE_SECONDS.labels(pool)

    def open(self, run: Run) -> None:
        """A run's tokens will come."""
        self._window.open(run)
        self._direct(run)

    def send(self) -> None:
        """A step is over: write at once what it brought, for each token has a client that waits."""
        self._steps += 1
        self._advance()

    def attach(self, run: Run, listener: str, offset: int) -> None:
        """A listener joined a run: it gets what was put beyond an offset, before anything newer."""
        self._direct(run)
        if listener in run.channels:
            self._snapshots.append((run, listener, offset))
            self._advance_soon()

    def end(self, run: Run, end: End) -> None:
        """A run is over: its last tokens go out with its result."""
        run.end = end
        self._ended.append((run, end))
        self._advance_soon()

    def hand_back(self, run: Run) -> None:
        """A run goes on elsewhere."""
        self._returned.append(run)
        self._advance_soon()

    def stop(self) -> None:
        """The instance is fenced: nothing more can be written."""
        self._is_fenced = True
        self._quiet.set()
        self._is_stuck.set()

    async def run(self) -> None:
        """Insist on what could not be written at once, until fenced."""
        while True:
            await self._is_stuck.wait()
            self._is_stuck.clear()
            if self._is_fenced:
                return
            if self._error is not None:
                raise self._error
            await self._insist()

    async def _insist(self) -> None:
        """Repeat what is under way until Redis has taken all of it, in order: a job's end comes after its tokens."""
        while not self._is_fenced:
            answers = await self._broker.run_each([call for call, _ in self._writes])
            taken = list(takewhile(lambda answer: not isinstance(answer, BrokerError), answers))
            if len(taken) == len(answers):
                self._trouble.end()
                self._settle(taken)
                return
            self._writes = self._heed(taken)
            await self._pause(self._trouble.pause_s(answers[len(taken)]))

    async def _pause(self, seconds: float) -> None:
        """Or until fenced."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._is_stuck.wait()

    async def flush(self) -> None:
        """Return when everything up to now is in Redis, or never will be."""
        self._advance()
        await self._quiet.wait()

    def _advance_soon(self) -> None:
        """What happens together is written together."""
        if not self._is_due:
            self._is_due = True
            self._loop.call_soon(self._advance)

    def _advance(self) -> None:
        """Write what there is, unless a round trip is under way; when it is over, this is called again."""
        self._is_due = False
        if self._writes or self._is_fenced or self._error is not None:
            return
        try:
            self._write()
        except Exception as error:  # noqa: BLE001 - it is raised where somebody waits for it
            self._fail(error)

    def _write(self) -> None:
        writes = [*self._emit(), *map(self._checkpoint, self._window.due()), *self._closings()]
        if not writes:
            self._quiet.set()
            return
        self._quiet.clear()
        self._writes = writes
        self._began_s = time.perf_counter()
        # Without a task: to wake one would take as long as all the rest.
        if not self._broker.begin([call for call, _ in writes], self._landed):
            self._is_stuck.set()

    def _landed(self, replies: list[str] | None) -> None:
        if replies is None:
            self._is_stuck.set()
            return
        try:
            self._settle(replies)
        except Exception as error:  # noqa: BLE001 - as in _advance
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        """An engine's step or Redis' reply is no place to raise it: `run` ends with it, and with that the worker."""
        self._error = error
        self._quiet.set()
        self._is_stuck.set()

    def _settle(self, replies: list[str]) -> None:
        self._write_seconds.observe(time.perf_counter() - self._began_s)
        self._writes = self._heed(replies)
        self._advance()

    def _heed(self, replies: list[str]) -> list[Write]:
        """What Redis said to the first writes; returns the others."""
        for reply, (_, heed) in zip(replies, self._writes, strict=False):
            heed(reply)
        if holding.FENCED in replies:
            self.stop()
            metrics.FENCED_WRITES.labels(self._pool).inc()
            self._on_fenced()
        return self._writes[len(replies) :]

    def _emit(self) -> list[Write]:
        """The steps since the last write; what the same listeners wait for goes into one frame."""
        steps, self._steps = self._steps, 0
        filled = {channels: rows for channels, rows in self._rows.items() if rows}
        snapshots = self._take_snapshots()
        if not filled and not snapshots:
            return []
        frames = [self._frame(rows, steps) for rows in filled.values()]
        extra = [encode_frame(self._instance, [delta]) for _, delta in snapshots]
        sends = [(channel, len(frames) + index) for index, (channel, _) in enumerate(snapshots)]
        sends += [(channel, index) for index, channels in enumerate(filled) for channel in channels]
        call = holding.emit(self._pool, self._instance, self._window.oldest, frames, sends, unjournalled=extra)
        return [(call, self._emitted)]

    def _frame(self, rows: list[Row], steps: int) -> bytes:
        """All rows, which are gone then; a step has one of each job, as a rule, and several are worth joining."""
        frame = encode_frame(self._instance, *(((), rows) if steps == 1 else joined(rows)))
        rows.clear()
        return frame

    def _direct(self, run: Run) -> None:
        """Let a run put its tokens where its listeners get them from."""
        rows = self._rows.get(run.channels)
        if rows is None:
            used = {other.channels for other in self._window}
            self._rows = {channels: rows for channels, rows in self._rows.items() if rows or channels in used}
            rows = self._rows[run.channels] = []
        run.put_to(rows.append)

    def _take_snapshots(self) -> list[tuple[str, Delta]]:
        asked, self._snapshots = self._snapshots, []
        found = [(channel, run.since(offset)) for run, channel, offset in asked]
        return [(channel, delta) for channel, delta in found if delta is not None]

    def _emitted(self, entry: str) -> None:
        if entry and entry != holding.FENCED:
            self._window.wrote(entry)
            self._frames_written.inc()

    def _checkpoint(self, run: Run) -> Write:
        call = holding.checkpoint(self._pool, self._instance, run.held, run.sent_so_far)
        return call, partial(self._kept, run)

    def _kept(self, run: Run, _reply: str) -> None:
        self._window.open(run)

    def _closings(self) -> list[Write]:
        ended, self._ended = self._ended, []
        returned, self._returned = self._returned, []
        closings: list[Write] = [
            (finish(self._pool, self._instance, run, end), partial(self._close, run)) for run, end in ended
        ]
        for run in returned:
            call = hand_back(self._pool, self._instance, run, queue_timeout_ms=self._queue_timeout_ms)
            closings.append((call, partial(self._close, run)))
        return closings

    def _close(self, run: Run, reply: str) -> None:
        self._window.close(run)
        self._on_closed(run, reply)
