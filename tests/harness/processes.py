"""The processes of a Penstock, told apart by what they do."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path

import psutil

from penstock.process import die_with_parent
from workers.pulse import PROCESS_NAME

ROOT = Path(__file__).resolve().parents[2]
#: Below those that Linux gives to outgoing connections.
_SERVER_PORTS = (10_000, 30_000)
_chance = random.SystemRandom()
_COMMANDS = ("up", "ingress", "scheduler", "background", "worker", "tokenizer")


def free_port(offset: int = 0) -> int:
    """A port nobody listens on at the moment, and that the kernel gives to no connection meanwhile.

    With an offset, the port so far above it is just as free.
    """
    first, last = _SERVER_PORTS
    while True:
        port = _chance.randrange(first, last - offset)
        if _is_free(port) and _is_free(port + offset):
            return port


def _is_free(port: int) -> bool:
    with socket.socket() as probe, contextlib.suppress(OSError):
        probe.bind(("127.0.0.1", port))
        return True
    return False


def spawn(arguments: Iterable[str], environ: Mapping[str, str], log: Path) -> subprocess.Popen[bytes]:
    """Start a `penstock` command that writes to `log` and dies with us; call it in the main thread."""
    return launch([sys.executable, "-m", "penstock.cli", *arguments], {**os.environ, **environ}, log)


def launch(
    command: Iterable[str],
    environ: Mapping[str, str],
    log: Path,
    *,
    folder: Path = ROOT,
    start_new_session: bool = False,
) -> subprocess.Popen[bytes]:
    """Start any command in a folder, with this environment and no other; otherwise as `spawn`."""
    with log.open("ab") as out:
        return subprocess.Popen(
            [*command],
            cwd=folder,
            env=environ,
            start_new_session=start_new_session,
            stdout=out,
            stderr=subprocess.STDOUT,
            preexec_fn=partial(die_with_parent, parent_pid=os.getpid()),  # noqa: PLW1509 - one system call, no lock
        )


def end(process: subprocess.Popen[bytes], within_s: float = 60.0) -> int:
    """SIGTERM and, if that does not help in time, SIGKILL; returns the exit status."""
    process.send_signal(signal.SIGTERM)
    try:
        return process.wait(within_s)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def family(pid: int) -> list[psutil.Process]:
    """A process and all below it; nothing if it has ended."""
    with contextlib.suppress(psutil.NoSuchProcess):
        top = psutil.Process(pid)
        return [top, *top.children(recursive=True)]
    return []


def by_role(processes: Iterable[psutil.Process]) -> dict[str, list[psutil.Process]]:
    """Processes by what they do, as `role_of` has it, oldest first."""
    roles: dict[str, list[psutil.Process]] = {}
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            if process.status() != psutil.STATUS_ZOMBIE:
                roles.setdefault(role_of(process), []).append(process)
    return roles


def role_of(process: psutil.Process) -> str:
    """What a process does, told by its command line and its place in the tree."""
    if process.name() == PROCESS_NAME:
        return "lease"
    words = process.cmdline() or [process.name()]
    if any("EngineCore" in word for word in (*words, process.name())):
        return "engine"
    if any("VLLM::Grammars" in word for word in words):
        return "grammars"
    if "redis" in words[0] or "valkey" in words[0]:
        return "redis"
    command = next((word for word in words if word in _COMMANDS), "other")
    return _working_role(process) if command == "worker" else command


def cpu_of(process: psutil.Process) -> float:
    """CPU seconds of one process with all its threads, to the nanosecond; 0 if it is gone.

    Its CPU clock, since the usual figures are counted in ticks, which short bursts escape (see clock_getcpuclockid(3)).
    """
    try:
        return time.clock_gettime((~process.pid << 3) | 2)
    except OSError:
        return 0.0


def _working_role(process: psutil.Process) -> str:
    """A host forks workers, a worker forks its engine: all have the host's command line."""
    generations = [ancestor for ancestor in process.parents() if "worker" in ancestor.cmdline()]
    return ("host", "worker", "engine")[min(len(generations), 2)]
