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
from workers.job.closing import finish, hand_back
from workers.trouble import WorkerTrouble
from workers.window import JournalWindow

if TYPE_CHECKING:
    from penstock.broker.client import Broker
    from penstock.broker.script import Call
    from penstock.frames import Delta, End, Row
    from workers.job.run import Run

    #: A call, and what to do with its reply.
    Write = tuple[Call[str], Callable[[str], None]]


#: Steps that a job may have in the journal alone; then its tokens are copied into its record.
CHECKPOINT_STEPS = 4000
#: A journal that no job needs goes after so long; at once, it would cost a worker of short jobs a round trip for each.
CLEAR_AFTER_S = 1.0


class Emitter:
    """Writes the tokens and ends of one instance's jobs to Redis.

    Steps that come during a round trip are written together after it, so that a slow Redis gets fewer and larger
    frames. While Redis is away all tokens are kept: the running jobs bound how many there are.
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
        """`on_closed` gets Redis' reply to a run's end or hand-back; `on_fenced` is called once writes are refused."""
        self._broker = broker
        self._pool = pool
        self._instance = instance
        self._queue_timeout_ms = queue_timeout_ms
        self._on_closed = on_closed
        self._on_fenced = on_fenced
        #: Tokens yet to be written, by the channels that they go to; each run appends to the list of its channels.
        self._rows: dict[tuple[str, ...], list[Row]] = {}
        #: How many engine steps these tokens come from.
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
        self._is_clear_due = False
        #: Set when a round trip failed, so that `run` repeats it; set also when `run` is to end.
        self._is_stuck = asyncio.Event()
        self._trouble = WorkerTrouble(pool, instance)
        self._error: Exception | None = None
        #: Set while there is nothing to write.
        self._quiet = asyncio.Event()
        self._is_fenced = False
        self._frames_written = metrics.STEP_FRAMES.labels(pool)
        self._write_seconds = metrics.FRAME_WRITE_SECONDS.labels(pool)

    def open(self, run: Run) -> None:
        """Write this run's tokens from now on."""
        self._window.open(run)
        self._direct(run)

    def send(self) -> None:
        """A step is over: write at once what it brought, for each token has a client that waits."""
        self._steps += 1
        self._advance()

    def attach(self, run: Run, listener: str, offset: int) -> None:
        """Send a new listener what the run generated beyond an offset, before any newer token."""
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
        """Give the job back to the queue: another worker goes on with it."""
        self._returned.append(run)
        self._advance_soon()

    def stop(self) -> None:
        """The instance is fenced: nothing more can be written."""
        self._is_fenced = True
        self._quiet.set()
        self._is_stuck.set()

    async def run(self) -> None:
        """Repeat failed round trips until the instance is fenced."""
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
        """Wait so long, or until the instance is fenced."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._is_stuck.wait()

    async def flush(self) -> None:
        """Return once all that was given so far is in Redis, or can no longer be written."""
        self._advance()
        await self._quiet.wait()

    def _advance_soon(self) -> None:
        """Write in the event loop's next turn, so that all that comes in this one goes out in one round trip."""
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
        if writes:
            self._begin(writes)
        else:
            self._quiet.set()

    def _begin(self, writes: list[Write]) -> None:
        self._quiet.clear()
        self._writes = writes
        self._began_s = time.perf_counter()
        # By a callback, not a task: to wake a task would take as long as all the rest.
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
        """Keep the error for `run` to raise, which ends the worker; raised here it would reach engine or broker."""
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
        """Encode the rows and empty the list; rows of several steps are joined by job, those of one step are not."""
        frame = encode_frame(self._instance, *(((), rows) if steps == 1 else joined(rows)))
        rows.clear()
        return frame

    def _direct(self, run: Run) -> None:
        """Have a run append its tokens to the list for its listeners' channels."""
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
        self._clear_later()
        self._on_closed(run, reply)

    def _clear_later(self) -> None:
        if self._window.spent and not self._is_clear_due:
            self._is_clear_due = True
            self._loop.call_later(CLEAR_AFTER_S, self._clear)

    def _clear(self) -> None:
        """Where still no job needs the journal, it goes: a job in it may have been erased."""
        self._is_clear_due = False
        if self._is_fenced or self._error is not None:
            return
        if self._writes:
            self._clear_later()
        elif entry := self._window.spent:
            call = holding.clear_journal(self._pool, self._instance, entry)
            self._begin([(call, partial(self._cleared, entry))])

    def _cleared(self, entry: str, _reply: str) -> None:
        self._window.cleared(entry)
