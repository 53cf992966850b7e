"""Requests that are looked at in tasks of their own: which, so that a worker's loss can be charged to one of them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from penstock.broker.holding import Claimed
    from workers.job.run import Run


class Checking:
    """Long prompts, engine-written answers, grammars and suspects: each is looked at in a task that ends with its run.

    A suspect is a job that is given up if it loses one more worker. Those that ran beside a job that ends its workers
    lose as many as it does. So suspects begin one after the other: the next when the one before has its first token, or
    is closing. A job that ends its worker as it begins is then the only suspect that is looked at.
    """

    def __init__(self, announce: Callable[[], Awaitable[None]], max_losses: int) -> None:
        self._announce = announce
        self._max_losses = max_losses
        #: By generation id, from when they are looked at until they close.
        self._runs: dict[str, Run] = {}
        #: By generation id, until they are planned.
        self._tasks: dict[str, asyncio.Task[None]] = {}
        #: By generation id, until it is their turn.
        self._suspects: set[str] = set()
        self._turn = asyncio.Lock()
        #: The suspect whose turn it is.
        self._looked_at: Run | None = None

    def suspects(self, claimed: Claimed) -> bool:
        """Whether a job is a suspect; one that has lost no worker is none, however few it may lose."""
        return claimed.losses >= max(self._max_losses - 1, 1)

    def jobs(self) -> list[str]:
        """Those without a token yet; may be asked by another thread."""
        return [run.job for run in tuple(self._runs.values()) if run.ttft_ms is None]

    def add(self, run: Run, claimed: Claimed, task: asyncio.Task[None]) -> None:
        """A request is about to be looked at by `task`, which calls `begin` first."""
        self._tasks[run.id] = task
        if self.suspects(claimed):
            self._suspects.add(run.id)

    async def begin(self, run: Run) -> None:
        """Wait for a suspect's turn, and tell Redis: nobody could after it has hung or ended the process.

        A request that was not added is looked at as it is.
        """
        if run.id not in self._tasks:
            return
        if run.id in self._suspects:
            await self._turn.acquire()
            self._suspects.discard(run.id)
            self._looked_at = run
            run.on_first_token = self._end_turn
        self._runs[run.id] = run
        await self._announce()

    def planned(self, run: Run) -> None:
        """What is left is the engine's work."""
        self._tasks.pop(run.id, None)

    def drop(self, run: Run) -> None:
        """It is closing: whatever is still done for it is not needed."""
        self._runs.pop(run.id, None)
        self._suspects.discard(run.id)
        if self._looked_at is run:
            self._end_turn()
        if (task := self._tasks.pop(run.id, None)) is not None:
            task.cancel()

    def _end_turn(self) -> None:
        self._looked_at = None
        self._turn.release()
