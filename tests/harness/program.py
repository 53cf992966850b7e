"""One `penstock` command as a process that can be killed and started again."""

from __future__ import annotations

import enum
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path

import psutil

from tests.harness.processes import spawn
from tests.harness.restartable import Restartable


class Role(enum.StrEnum):
    """The commands that make up a stack."""

    INGRESS = "ingress"
    SCHEDULER = "scheduler"
    BACKGROUND = "background"
    WORKER_HOST = "worker"


class Program(Restartable):
    """Start it in the main thread: it dies with the thread that started it."""

    def __init__(self, role: Role, name: str, arguments: list[str], environment: Mapping[str, str], log: Path) -> None:
        super().__init__(name)
        self.role = role
        self.log = log
        self._arguments = arguments
        self._environment = environment

    @property
    def children(self) -> list[int]:
        """Process ids of its children: the workers of a host, the engine cores of a worker."""
        try:
            return [child.pid for child in psutil.Process(self.pid).children()] if self.is_running else []
        except psutil.NoSuchProcess:
            return []

    def start(self) -> None:
        """Run the command; its output goes to the end of its log."""
        self._process = spawn([self.role.value, *self._arguments], self._environment, self.log)

    def end(self, within_s: float) -> int:
        """Wait for it to end by itself, kill it if it does not; returns the exit status."""
        assert self._process is not None
        try:
            return self._process.wait(within_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()

    def stop(self, within_s: float) -> int:
        """SIGTERM and, if that is not enough, SIGKILL; returns the exit status."""
        self.send(signal.SIGTERM)
        return self.end(within_s)
