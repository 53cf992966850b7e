"""A child process that is started again whenever it ends."""

from __future__ import annotations

import asyncio
import functools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from typing import BinaryIO

from penstock.cli.options import EXIT_FAILED, EXIT_SETTINGS
from penstock.process import die_with_parent
from penstock.telemetry import events, logs

FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 10.0
#: A child that lived this long did start: its next end is a new story.
SETTLED_S = 10.0

log = logs.get()


def next_pause_s(pause_s: float, lived_s: float) -> float:
    """How long to wait before the next start: doubling while starts fail, from the beginning once one held."""
    if lived_s >= SETTLED_S or pause_s == 0:
        return FIRST_PAUSE_S
    return min(pause_s * 2, LONGEST_PAUSE_S)


def spawn_penstock(
    *args: str, environ: Mapping[str, str] | None = None, log: BinaryIO | None = None
) -> subprocess.Popen[bytes]:
    """Start a `penstock` command that dies with this process; call it in the main thread.

    It has this process' environment and output unless it is given others.
    """
    tied = functools.partial(die_with_parent, signal.SIGKILL, parent_pid=os.getpid())
    return subprocess.Popen(
        # -P: the working directory may hold a folder `workers` of somebody's own.
        [sys.executable, "-P", "-m", "penstock.cli", *args],
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        # A Ctrl-C in the terminal reaches this process alone, which then ends its children in order.
        start_new_session=True,
        preexec_fn=tied,  # noqa: PLW1509 - one system call, no lock
    )


async def ended(process: subprocess.Popen[bytes]) -> int:
    """Wait for a process of ours to end; returns its exit status, negative for a signal."""
    done = asyncio.Event()
    descriptor = os.pidfd_open(process.pid)
    loop = asyncio.get_running_loop()
    loop.add_reader(descriptor, done.set)
    try:
        await done.wait()
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)
    return process.wait()


class Child:
    """One program, kept running until it is told to end."""

    def __init__(self, name: str, spawn: Callable[[], subprocess.Popen[bytes]]) -> None:
        self.name = name
        self._spawn = spawn
        self._process: subprocess.Popen[bytes] | None = None
        self._stopping = asyncio.Event()
        self._life: asyncio.Task[int] | None = None

    def start(self) -> asyncio.Task[int]:
        """Keep the program running; the task ends when it ends for good, with its exit status."""
        self._life = asyncio.create_task(self._keep_running(), name=self.name)
        return self._life

    def signal(self, sig: signal.Signals) -> None:
        """Send a signal if the program runs; whatever ends from now on stays ended."""
        self._stopping.set()
        if self._process is not None:
            self._process.send_signal(sig)

    async def gone(self, within_s: float | None) -> bool:
        """Wait for the end of a program that was told to, for ever if None; whether it came in time."""
        if self._life is None:
            return True
        done, _ = await asyncio.wait([self._life], timeout=within_s)
        return bool(done)

    async def stop(self, grace_s: float) -> None:
        """SIGTERM and, after the grace, SIGKILL; returns when it has ended."""
        self.signal(signal.SIGTERM)
        if not await self.gone(grace_s):
            log.warning(events.CHILD_KILLED, child=self.name, grace_s=grace_s)
            self.signal(signal.SIGKILL)
            await self.gone(within_s=None)

    async def _keep_running(self) -> int:
        pause_s = 0.0
        while True:
            started = time.monotonic()
            try:
                self._process = self._spawn()
            except OSError as error:
                # No process, memory or descriptor is left: the other children go on.
                pause_s = next_pause_s(pause_s, lived_s=0.0)
                log.warning(events.CHILD_NOT_STARTED, child=self.name, why=str(error), again_in_s=pause_s)
                if await self._stopped_within(pause_s):
                    return EXIT_FAILED
                continue
            log.info(events.CHILD_STARTED, child=self.name, pid=self._process.pid)
            status = await ended(self._process)
            if self._stopping.is_set() or status == EXIT_SETTINGS:
                log.info(events.CHILD_ENDED, child=self.name, status=status)
                return status
            pause_s = next_pause_s(pause_s, time.monotonic() - started)
            log.warning(events.CHILD_ENDED, child=self.name, status=status, again_in_s=pause_s)
            if await self._stopped_within(pause_s):
                return status

    async def _stopped_within(self, pause_s: float) -> bool:
        try:
            async with asyncio.timeout(pause_s):
                await self._stopping.wait()
        except TimeoutError:
            return False
        return True
