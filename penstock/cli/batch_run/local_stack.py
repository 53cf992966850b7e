"""A stack for one run: Redis and files in a folder of the run, an ingress on a free port of this machine alone."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import socket
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from penstock.cli import preconditions
from penstock.cli.child import spawn_penstock
from penstock.errors import PenstockError
from penstock.settings import load
from penstock.settings.environment import PREFIX, variable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_HOST = "127.0.0.1"
_POLL_S = 0.1
#: A worker that failed to start is started again; one that fails for so long will not come up.
_FAILING_S = 20.0
#: What a worker has begun it hands back, with its tokens, to be gone on with next time.
_DRAIN_GRACE_S = 2.0
_SHOWN_LINES = 15


class LocalStackError(PenstockError):
    """The stack did not come up, or ended; the message has the end of its log."""


class LocalStack:
    """`penstock up` as a child of this process, whose end is its end, too."""

    def __init__(self, config: Path, folder: Path) -> None:
        """Raises SettingsError where it could not run."""
        self._config = config
        self._folder = folder
        self._port = _free_port()
        self._environ = {**os.environ, **overrides(load(config).pools, folder.absolute(), self._port)}
        #: With which it is started.
        self.settings = load(config, self._environ)
        preconditions.require_startable(self.settings)
        self._process: subprocess.Popen[bytes] | None = None
        self._failing_since_s: dict[str, float] = {}

    @property
    def url(self) -> str:
        """Where its ingress listens."""
        return f"http://{_HOST}:{self._port}"

    @property
    def log(self) -> Path:
        """What all its processes write."""
        return self._folder / "penstock.log"

    def __enter__(self) -> Self:
        """Start it; returns when requests are taken, whether an engine is up yet or not. Raises LocalStackError."""
        self._folder.mkdir(parents=True, exist_ok=True)
        with self.log.open("wb") as log:
            self._process = spawn_penstock("up", "--config", str(self._config), environ=self._environ, log=log)
        try:
            while not self._pools():
                self.check("")
                time.sleep(_POLL_S)
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def check(self, pool: str) -> bool:
        """Whether a worker of that pool takes jobs. Raises LocalStackError where none comes up, or the stack ended."""
        if self._process is None or self._process.poll() is not None:
            raise LocalStackError(f"The stack ended ({self.log}):\n{self._log_tail()}")
        found = self._pools().get(pool, {})
        failing = found.get("failing", "")
        if not failing:
            self._failing_since_s.pop(pool, None)
        elif time.monotonic() - self._failing_since_s.setdefault(pool, time.monotonic()) > _FAILING_S:
            raise LocalStackError(f"No worker of pool {pool} comes up ({self.log}): {failing}")
        return bool(found.get("ready"))

    def stop(self) -> None:
        """End it in order; another Ctrl-C meanwhile ends it at once."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait()
        except KeyboardInterrupt:
            self._process.terminate()
            self._process.wait()
            raise

    def delete(self) -> None:
        """Delete the data of a stack that has ended."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _pools(self) -> Mapping[str, Any]:
        """What `/ready` says of each pool; nothing while nobody answers."""
        client = http.client.HTTPConnection(_HOST, self._port, timeout=2.0)
        try:
            client.request("GET", "/ready")
            pools: Mapping[str, Any] = json.loads(client.getresponse().read())["pools"]
        except (OSError, http.client.HTTPException, ValueError, KeyError):
            return {}
        finally:
            client.close()
        return pools

    def _log_tail(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-_SHOWN_LINES:])


def overrides(pools: Iterable[str], folder: Path, port: int) -> dict[str, str]:
    """What a run's stack has otherwise than its configuration, as the environment says it: nobody else uses it."""
    wanted: dict[str, Any] = {
        "redis.url": "embedded",
        "redis.data_dir": str(folder),
        "background.redis_url": "",
        "storage.url": str(folder / "files"),
        "storage.options": {},
        "ingress.host": _HOST,
        "ingress.port": port,
        "ingress.processes": 1,
        "ingress.api_keys": [],
        "ingress.allowed_hosts": [],
    }
    grace = {f"{PREFIX}POOLS__{pool.upper()}__DRAIN_GRACE_S": _DRAIN_GRACE_S for pool in pools if _has_variable(pool)}
    # JSON is YAML.
    return {
        **{variable(path): json.dumps(value) for path, value in wanted.items()},
        **{name: json.dumps(value) for name, value in grace.items()},
    }


def _has_variable(pool: str) -> bool:
    """Whether the name can be part of a variable's, in which two underscores stand between a setting and the next."""
    return "__" not in pool and not pool.endswith("_")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((_HOST, 0))
        port: int = probe.getsockname()[1]
        return port
