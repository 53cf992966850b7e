"""Penstock's own processes die, pause and are told to end; a supervisor starts them again."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from tests.chaos.faults import Kind
from tests.chaos.history import History
from tests.harness.stack import Stack

#: Longer than any lease of the stack, and than its workers may stand still.
_FREEZE_S = (2.0, 5.0)
#: Whatever ends is started again after this, as a supervisor would.
_RESTART_S = 0.3
_TICK_S = 0.05


@dataclass(frozen=True)
class Target:
    """A process that may be hit."""

    name: str
    pid: int

    def hit(self, sig: signal.Signals) -> None:
        """Send a signal; the process may be gone by now."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, sig)


@dataclass
class Processes:
    """Every process of a stack but Redis."""

    stack: Stack
    random: Random
    history: History

    @property
    def kinds(self) -> Sequence[Kind]:
        """What can go wrong with a process."""
        return [(self.kill, 6), (self.freeze, 5), (self.tell_to_end, 4)]

    async def keep_running(self) -> None:
        """Start whatever has ended again."""
        ended_s: dict[str, float] = {}
        while True:
            for program in self.stack.programs:
                if program.is_running:
                    ended_s.pop(program.name, None)
                elif time.monotonic() - ended_s.setdefault(program.name, time.monotonic()) > _RESTART_S:
                    program.start()
            await asyncio.sleep(_TICK_S)

    async def kill(self) -> None:
        """Without warning."""
        target = self._target()
        self.history.note(f"kills {target.name}")
        target.hit(signal.SIGKILL)

    async def tell_to_end(self) -> None:
        """In order."""
        target = self._target()
        self.history.note(f"tells {target.name} to end")
        target.hit(signal.SIGTERM)

    async def freeze(self) -> None:
        """For longer than it may be silent."""
        target, seconds = self._target(), self.random.uniform(*_FREEZE_S)
        self.history.note(f"freezes {target.name} for {seconds:.1f} s")
        target.hit(signal.SIGSTOP)
        await asyncio.sleep(seconds)
        target.hit(signal.SIGCONT)
        self.history.note(f"thaws {target.name}")

    def _target(self) -> Target:
        stack = self.stack
        programs = [Target(program.name, program.pid) for program in stack.programs if program.is_running]
        workers = [
            Target(f"worker {number} of {host.name}", pid)
            for host in stack.hosts
            for number, pid in enumerate(host.children)
        ]
        # A worker is what most depends on.
        return self.random.choice(programs + workers + workers)
