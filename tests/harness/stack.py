"""A whole Penstock of single processes, for tests that break some of them."""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import yaml

from penstock.broker.embedded import EmbeddedRedis, ServerBinary
from penstock.settings import Fsync, RedisSettings
from penstock.settings.environment import variable
from tests.harness.processes import free_port
from tests.harness.program import Program, Role
from tests.harness.readiness import serves_all, tail
from tests.waiting import eventually

_START_S = 60.0
_STOP_S = 15.0

#: A pool of the simulated engine that makes short work of its jobs.
SIMULATED_POOL: dict[str, Any] = {
    "engine": "simulated",
    "workers": 1,
    "slots": 16,
    "drain_grace_s": 2.0,
    "options": {"prefill_ms_base": 2.0, "prefill_us_per_token": 10.0, "itl_ms": 10.0, "allow_injection": True},
}


class Servers(Protocol):
    """Redis in whatever form."""

    @property
    def url(self) -> str:
        """How Penstock connects."""

    def start(self) -> None:
        """Start and wait until it serves."""

    def stop(self) -> None:
        """End every server."""


class Stack:
    """Redis, and processes of each role; `workers` says how many workers each host of a pool has.

    Files lie in `folder`, which must have a short path (for the unix socket); `redis_url` leads the processes elsewhere
    than straight to the stack's Redis, which is its own unless it is given other `servers`.
    """

    def __init__(
        self,
        folder: Path,
        pool: Mapping[str, Any] | None = None,
        *,
        ingresses: int = 1,
        schedulers: int = 1,
        backgrounds: int = 0,
        workers: tuple[int, ...] = (1,),
        pools: Sequence[str] = ("sim",),
        binary: ServerBinary | None = None,
        servers: Servers | None = None,
        redis_url: str | None = None,
        **sections: Any,
    ) -> None:
        self.folder = folder
        self.redis = EmbeddedRedis(RedisSettings(data_dir=folder / "data", appendfsync=Fsync.ALWAYS), binary)
        self._servers = servers or self.redis
        self.config = folder / "penstock.yaml"
        config = {
            "models": {name: {"pool": name} for name in pools},
            "pools": {name: {**SIMULATED_POOL, **(pool or {})} for name in pools},
            **sections,
        }
        self.config.write_text(yaml.safe_dump(config))
        self.environment = {variable("redis.url"): redis_url or self._servers.url}
        self.ports = [free_port() for _ in range(ingresses)]
        self.ingresses = [
            self._program(Role.INGRESS, number, {variable("ingress.port"): str(port)})
            for number, port in enumerate(self.ports)
        ]
        self.schedulers = [self._program(Role.SCHEDULER, number) for number in range(schedulers)]
        self.backgrounds = [self._program(Role.BACKGROUND, number) for number in range(backgrounds)]
        self.hosts = [
            self._program(Role.WORKER_HOST, number, {variable(f"pools.{name}.workers"): str(count)}, "--pool", name)
            for number, (name, count) in enumerate(itertools.product(pools, workers))
        ]

    @property
    def programs(self) -> list[Program]:
        """Every process but Redis, in the order of their start."""
        return [*self.ingresses, *self.schedulers, *self.backgrounds, *self.hosts]

    @property
    def urls(self) -> list[str]:
        """Where each ingress serves."""
        return [f"http://127.0.0.1:{port}" for port in self.ports]

    @property
    def worker_pids(self) -> list[int]:
        """Every worker of every host."""
        return [pid for host in self.hosts for pid in host.children]

    def start(self) -> None:
        """Start everything and wait until every ingress says that it is ready."""
        self._servers.start()
        for program in self.programs:
            program.start()
        self.wait_ready()

    def wait_ready(self, within_s: float = _START_S) -> None:
        """Wait until every ingress can serve. Raises TimeoutError with the logs' ends."""
        if not eventually(lambda: all(serves_all(url) for url in self.urls), within_s):
            raise TimeoutError("\n".join(f"{program.log}:\n{tail(program.log)}" for program in self.programs))

    def stop(self) -> None:
        """End everything in order: what is stopped goes on first, so that it can."""
        for program in self.programs:
            for pid in program.children:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)
            program.send(signal.SIGCONT)
        running = [program for program in self.programs if program.is_running]
        for program in running:
            program.send(signal.SIGTERM)
        for program in running:
            program.end(_STOP_S)
        self._servers.stop()

    def _program(self, role: Role, number: int, environment: Mapping[str, str] | None = None, *words: str) -> Program:
        name = f"{role}-{number}"
        arguments = ["--config", str(self.config), *words]
        return Program(role, name, arguments, {**self.environment, **(environment or {})}, self.folder / f"{name}.log")


@contextlib.contextmanager
def running(folder: Path, pool: Mapping[str, Any] | None = None, **options: Any) -> Iterator[Stack]:
    """A stack that is ready, and ended afterwards."""
    stack = Stack(folder, pool, **options)
    try:
        stack.start()
        yield stack
    finally:
        stack.stop()
