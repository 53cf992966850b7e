"""vLLM's own HTTP server as a process to compare with."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from penstock.settings.builtin import FOLDER as BUILTIN
from tests.harness.processes import cpu_of, free_port, launch
from tests.harness.readiness import wait_ready


@dataclass(frozen=True)
class ApiServer:
    """A running `vllm serve` of the demo model under the name `demo`."""

    port: int
    process: psutil.Process
    #: Seconds from its start to its first 200 of /health.
    start_s: float

    def frontend_cpu_s(self) -> float:
        """CPU seconds outside the engine's processes."""
        return cpu_of(self.process)

    def engine_cpu_s(self) -> float:
        """CPU seconds of the engine's processes."""
        return sum(map(cpu_of, self.process.children(recursive=True)))


@contextlib.contextmanager
def api_server(arguments: Sequence[str] = (), environment: Mapping[str, str] | None = None) -> Iterator[ApiServer]:
    """Start it, wait until it serves, end it."""
    port = free_port()
    command = [
        *(sys.executable, "-m", "vllm.entrypoints.openai.api_server", "--model", str(BUILTIN / "demo")),
        *("--served-model-name", "demo", "--host", "127.0.0.1", "--port", str(port), *arguments),
    ]
    # Its default is to reserve 92 % of the machine's memory, which a machine that runs anything else does not have.
    if not any(argument.startswith("--kv-cache-memory") for argument in arguments):
        command += ["--kv-cache-memory-bytes", str(1 << 30)]
    with tempfile.TemporaryDirectory(prefix="penstock-bench-") as folder:
        log = Path(folder) / "log"
        begun = time.monotonic()
        environ = {**os.environ, "HF_HUB_OFFLINE": "1", **(environment or {})}
        process = launch(command, environ, log, start_new_session=True)
        try:
            wait_ready(port, process, log, "/health")
            yield ApiServer(port, psutil.Process(process.pid), time.monotonic() - begun)
        finally:
            children = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            for child in children:
                with contextlib.suppress(psutil.NoSuchProcess):
                    child.kill()
