"""A whole Penstock as people start it: `penstock up` on a free port, with a configuration and a folder of its own."""

from __future__ import annotations

import contextlib
import shlex
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import yaml

from penstock.settings.builtin import FOLDER as BUILTIN
from tests.harness.processes import by_role, cpu_of, end, family, free_port, spawn
from tests.harness.readiness import tail, wait_ready


@dataclass(frozen=True)
class Up:
    """The processes of one `penstock up`."""

    process: subprocess.Popen[bytes]
    port: int
    folder: Path
    log: Path

    @property
    def url(self) -> str:
        """Where its ingress listens."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def config(self) -> Path:
        """The configuration it was started with."""
        return self.folder / "config.yaml"

    @property
    def redis_url(self) -> str:
        """How its Redis is reached."""
        return f"unix://{self.folder / 'data' / 'redis.sock'}"

    def by_role(self) -> dict[str, list[psutil.Process]]:
        """Its processes as up, redis, ingress, scheduler, host, worker or engine."""
        return by_role(family(self.process.pid))

    def cpu_s(self) -> dict[str, float]:
        """CPU seconds that each role has used so far."""
        return {role: sum(map(cpu_of, processes)) for role, processes in self.by_role().items()}

    def wait_ready(self) -> None:
        """Wait until it can serve. Raises RuntimeError with its log if it never does."""
        wait_ready(self.port, self.process, self.log)

    def log_tail(self) -> str:
        """The end of what its processes wrote."""
        return tail(self.log)


def curled(log: Path) -> str:
    """The answer to the curl line that `penstock up` has written there."""
    (line,) = [line for line in log.read_text().splitlines() if line.strip().startswith("curl")]
    return subprocess.run([*shlex.split(line), "-s"], capture_output=True, text=True, check=True, timeout=30).stdout


def resolved(config: Mapping[str, Any], base: Path = BUILTIN) -> dict[str, Any]:
    """A configuration that can be written anywhere: its model folders no longer depend on where it lies."""
    pools = {
        name: {**pool, "model": str((base / pool["model"]).resolve())} if "model" in pool else pool
        for name, pool in config["pools"].items()
    }
    return {**config, "pools": pools}


def builtin(name: str) -> dict[str, Any]:
    """One of the configurations that come with Penstock."""
    config: dict[str, Any] = yaml.safe_load((BUILTIN / f"{name}.yaml").read_text())
    return config


@contextlib.contextmanager
def started(config: Mapping[str, Any], log: Path | None = None) -> Iterator[Up]:
    """Start everything, and end it; what it writes goes to `log`, or to a file of its own."""
    with tempfile.TemporaryDirectory(prefix="penstock-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        port = free_port()
        redis = {"data_dir": str(folder / "data"), **config.get("redis", {})}
        ingress = {"port": port, **config.get("ingress", {})}
        whole = {**resolved(config), "redis": redis, "ingress": ingress}
        path = folder / "config.yaml"
        log = log or folder / "log"
        path.write_text(yaml.safe_dump(whole))
        process = spawn(["up", "--config", str(path)], {}, log)
        try:
            yield Up(process, port, folder, log)
        finally:
            end(process)


@contextlib.contextmanager
def running(config: Mapping[str, Any]) -> Iterator[Up]:
    """Start everything, wait until it is ready, and end it. Raises RuntimeError with its log if it does not start."""
    with started(config) as up:
        up.wait_ready()
        yield up
