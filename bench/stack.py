"""A running Penstock for a bench: `penstock up` on a free port with a configuration of the bench's own."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import yaml

ROOT = Path(__file__).resolve().parent.parent
START_S = 180.0


def free_port() -> int:
    """A port nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True, slots=True)
class Role:
    """What one kind of process used."""

    cpu_s: float


@dataclass(frozen=True)
class Stack:
    """The processes of one `penstock up`."""

    process: subprocess.Popen[bytes]
    port: int
    config: Path
    log: Path

    def processes(self) -> list[psutil.Process]:
        """The supervisor and all below it."""
        top = psutil.Process(self.process.pid)
        return [top, *top.children(recursive=True)]

    def by_role(self) -> dict[str, list[psutil.Process]]:
        """Processes as up, redis, ingress, scheduler, host, worker or engine."""
        roles: dict[str, list[psutil.Process]] = {}
        for process in self.processes():
            with contextlib.suppress(psutil.NoSuchProcess):
                roles.setdefault(role_of(process), []).append(process)
        return roles

    def cpu_s(self) -> dict[str, float]:
        """CPU seconds that each role has used so far."""
        return {role: sum(map(cpu_of, processes)) for role, processes in self.by_role().items()}


def role_of(process: psutil.Process) -> str:
    """What a process of a stack does, told by its command line and its place in the tree."""
    words = process.cmdline() or [process.name()]
    if any("EngineCore" in word for word in (*words, process.name())):
        return "engine"
    if "redis" in words[0] or "valkey" in words[0]:
        return "redis"
    command = next((word for word in words if word in _COMMANDS), "other")
    if command != "worker":
        return command
    parent = process.parent()
    above = parent.cmdline() if parent else []
    if "worker" not in above:
        return "host"
    grandparent = parent.parent() if parent else None
    return "engine" if grandparent and "worker" in grandparent.cmdline() else "worker"


_COMMANDS = ("up", "ingress", "scheduler", "worker")


def cpu_of(process: psutil.Process) -> float:
    """CPU seconds of one process, 0 if it is gone."""
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return float(times.user + times.system)


@contextlib.contextmanager
def running(config: dict[str, Any], *, base: Path = ROOT / "examples") -> Iterator[Stack]:
    """Start a stack, wait until it is ready, and end it."""
    with tempfile.TemporaryDirectory(prefix="penstock-bench-") as name:
        folder = Path(name)
        port = free_port()
        config = {**config, "redis": {"data_dir": str(folder / "data"), **config.get("redis", {})}}
        for pool in config["pools"].values():
            if "model" in pool:
                pool["model"] = str((base / pool["model"]).resolve())
        path = folder / "config.yaml"
        path.write_text(yaml.safe_dump(config))
        log = folder / "log"
        environment = {**os.environ, "PENSTOCK__INGRESS__PORT": str(port)}
        with log.open("wb") as out:
            process = subprocess.Popen(  # noqa: S603 - our own program
                [sys.executable, "-m", "penstock.cli", "up", "--config", str(path)],
                cwd=ROOT,
                env=environment,
                stdout=out,
                stderr=subprocess.STDOUT,
            )
        stack = Stack(process, port, path, log)
        try:
            wait_ready(port, process, log)
            yield stack
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def wait_ready(port: int, process: subprocess.Popen[bytes], log: Path, path: str = "/ready") -> None:
    """Wait until the server answers 200. Raises RuntimeError with its log if it ends or never does."""
    until = time.monotonic() + START_S
    while time.monotonic() < until:
        if process.poll() is not None:
            break
        with (
            contextlib.suppress(OSError),
            urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=2) as answer,  # noqa: S310 - our own
        ):
            if answer.status == 200:
                return
        time.sleep(0.1)
    raise RuntimeError(log.read_text()[-4000:])
