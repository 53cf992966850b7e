"""Requests that take time to look at: which, so that a worker's loss can be charged to one of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Awaitable, Callable

    from workers.job.run import Run


class Checking:
    """Long prompts, engine-written answers and grammars: each is looked at in a task that ends with its run."""

    def __init__(self, announce: Callable[[], Awaitable[None]]) -> None:
        self._announce = announce
        #: By generation id, until they close.
        self._runs: dict[str, Run] = {}
        #: By generation id, until they are planned.
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def jobs(self) -> list[str]:
        """Those without a token yet; may be asked by another thread."""
        return [run.job for run in tuple(self._runs.values()) if run.ttft_ms is None]

    def add(self, run: Run, task: asyncio.Task[None]) -> None:
        """A request is about to be looked at by `task`, which announces it first."""
        self._runs[run.id] = run
        self._tasks[run.id] = task

    async def announce(self, run: Run) -> None:
        """Tell Redis, where this is one of them: nobody could after it has hung or ended the process."""
        if run.id in self._tasks:
            await self._announce()

    def planned(self, run: Run) -> None:
        """What is left is the engine's work."""
        self._tasks.pop(run.id, None)

    def drop(self, run: Run) -> None:
        """It is closing: whatever is still done for it is not needed."""
        self._runs.pop(run.id, None)
        if (task := self._tasks.pop(run.id, None)) is not None:
            task.cancel()
