"""One Redis server among several: it is killed and started again, and finds its files and its port."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import redis

from penstock.broker.embedded import ServerBinary
from penstock.process import die_with_parent
from tests.harness.processes import free_port
from tests.harness.restartable import Restartable

#: Where the nodes of a cluster talk to each other: so far above the port.
BUS_OFFSET = 10_000
#: Whatever a test asks of a server, it knows soon whether it gets it.
_ASK_S = 1.0
#: A replica is filled as soon as it asks, and notices soon that its master is gone.
_OPTIONS = {
    "bind": "127.0.0.1",
    "save": '""',
    "repl-diskless-sync-delay": 0,
    "repl-ping-replica-period": 1,
    "repl-timeout": 5,
}


class RedisNode(Restartable):
    """Start it in the main thread: it dies with the thread that started it."""

    def __init__(self, name: str, binary: ServerBinary, folder: Path, *, is_sentinel: bool = False) -> None:
        super().__init__(name)
        self.port = free_port(BUS_OFFSET)
        #: Where all others find it, the other servers included; a test may put a proxy there before the start.
        self.public_port = self.port
        self.folder = folder / name
        self._words = [str(binary.path), str(self.folder / "redis.conf"), *(["--sentinel"] if is_sentinel else [])]

    @property
    def address(self) -> str:
        """Host and port, for all others."""
        return f"127.0.0.1:{self.public_port}"

    @cached_property
    def client(self) -> redis.Redis:
        """A way to this server and to no other."""
        return redis.Redis(port=self.port, socket_timeout=_ASK_S, socket_connect_timeout=_ASK_S)

    def configure(self, options: Mapping[str, Any], *lines: str) -> None:
        """Write its configuration, which the server changes when it is given another master."""
        self.folder.mkdir()
        own = {"port": self.port, "dir": self.folder, "logfile": self.folder / "log", **_OPTIONS, **options}
        text = "\n".join([*(f"{name} {value}" for name, value in own.items()), *lines])
        (self.folder / "redis.conf").write_text(text + "\n")

    def start(self, *words: str) -> None:
        """Run the server, with these words after those that it always has."""
        self._process = subprocess.Popen(
            [*self._words, *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=partial(die_with_parent, parent_pid=os.getpid()),  # noqa: PLW1509 - one system call, no lock
        )

    def kill(self) -> None:
        """End it as a crash would."""
        self.send(signal.SIGKILL)
        if self._process is not None:
            self._process.wait()
        self.client.close()

    def info(self, section: str) -> dict[str, Any]:
        """A section of what the server says of itself; empty if it does not say anything."""
        try:
            said: dict[str, Any] = self.client.info(section)  # type: ignore[assignment]
        except (redis.RedisError, OSError):
            return {}
        return said

    def follows_nobody(self) -> bool:
        """Whether it takes itself for a master."""
        return self.info("replication").get("role") == "master"

    def has_replicas(self, count: int) -> bool:
        """Whether so many replicas have all that it has, and get what is new."""
        said = self.info("replication")
        online = [said.get(f"slave{number}", {}).get("state") == "online" for number in range(count)]
        return said.get("role") == "master" and all(online)
