"""What goes wrong: processes die, pause and are told to end; Redis dies; the network lies."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from random import Random

from tests.chaos.proxy import Link, Proxy
from tests.harness.stack import Stack

#: Longer than any lease by default.
_FREEZE_S = (2.0, 4.0)
#: From one fault to the next; a freeze goes on meanwhile.
_GAP_S = (0.3, 1.8)
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
class Faults:
    """One fault after the other, each drawn and each undone."""

    stack: Stack
    proxy: Proxy
    random: Random
    #: Time and what happened.
    history: list[tuple[float, str]] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    #: One fault of Redis at a time.
    _redis_lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def rage(self, seconds: float) -> None:
        """Faults for so long; returns when all are over."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            task = asyncio.create_task(self._one())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            await asyncio.sleep(self.random.uniform(*_GAP_S))
        await asyncio.gather(*self._tasks)

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

    async def _one(self) -> None:
        kinds: list[tuple[Callable[[], Awaitable[None]], int]] = [
            (self._kill, 6),
            (self._freeze, 5),
            (self._tell_to_end, 4),
            (self._kill_redis, 2),
            (self._freeze_redis, 1),
            (self._cut, 3),
            (self._lose_replies, 4),
            (self._silence, 3),
            (self._fall_silent, 1),
        ]
        (fault,) = self.random.choices([kind for kind, _ in kinds], [weight for _, weight in kinds])
        self.counts[fault.__name__.strip("_")] += 1
        await fault()

    async def _kill(self) -> None:
        target = self._target()
        self._note(f"kills {target.name}")
        target.hit(signal.SIGKILL)

    async def _tell_to_end(self) -> None:
        target = self._target()
        self._note(f"tells {target.name} to end")
        target.hit(signal.SIGTERM)

    async def _freeze(self) -> None:
        target, seconds = self._target(), self.random.uniform(*_FREEZE_S)
        self._note(f"freezes {target.name} for {seconds:.1f} s")
        target.hit(signal.SIGSTOP)
        await asyncio.sleep(seconds)
        target.hit(signal.SIGCONT)
        self._note(f"thaws {target.name}")

    async def _kill_redis(self) -> None:
        seconds = self.random.uniform(0.1, 1.5)
        async with self._redis_lock:
            self._note(f"kills Redis for {seconds:.1f} s")
            self.stack.redis.kill()
            await asyncio.sleep(seconds)
            # Not in a thread: Redis ends with the thread that started it.
            self.stack.redis.spawn()
            while not self.stack.redis.is_ready():
                await asyncio.sleep(_TICK_S)
            self._note("Redis is back")

    async def _freeze_redis(self) -> None:
        seconds = self.random.uniform(0.5, 2.5)
        async with self._redis_lock:
            assert self.stack.redis.pid is not None
            redis = Target("Redis", self.stack.redis.pid)
            self._note(f"freezes Redis for {seconds:.1f} s")
            redis.hit(signal.SIGSTOP)
            await asyncio.sleep(seconds)
            redis.hit(signal.SIGCONT)
            self._note("thaws Redis")

    async def _cut(self) -> None:
        links = self._some_links()
        self._note(f"cuts {len(links)} connections")
        self.proxy.cut(links)

    async def _lose_replies(self) -> None:
        links = self._some_links()
        self._note(f"loses the next reply of {len(links)} connections")
        self.proxy.lose_replies(links)

    async def _silence(self) -> None:
        links = self._some_links()
        self._note(f"silences {len(links)} connections")
        self.proxy.silence(links)

    async def _fall_silent(self) -> None:
        seconds = self.random.uniform(0.5, 2.5)
        self._note(f"silences everything for {seconds:.1f} s")
        self.proxy.fall_silent()
        await asyncio.sleep(seconds)
        self.proxy.speak()
        self._note("new connections are served again")

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

    def _some_links(self) -> list[Link]:
        links = list(self.proxy.links)
        return self.random.sample(links, k=self.random.randint(0, len(links)))

    def _note(self, event: str) -> None:
        self.history.append((time.monotonic(), event))
