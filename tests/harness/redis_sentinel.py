"""A master with two replicas and three Sentinels, real servers on this machine, that fail over within seconds."""

from __future__ import annotations

from pathlib import Path

import redis

from penstock.broker.embedded import ServerBinary
from tests.harness.redis_node import RedisNode
from tests.waiting import eventually

SERVICE = "main"
#: A master that is silent for so long is taken for dead; Sentinel asks it once a second.
DOWN_AFTER_MS = 2000
#: An attempt that came to nothing is repeated after twice as long.
_FAILOVER_TIMEOUT_MS = 3000
_START_S = 30.0


class RedisSentinel:
    """The first server is the master at first."""

    def __init__(self, folder: Path, binary: ServerBinary, replicas: int = 2, sentinels: int = 3) -> None:
        self.servers = [RedisNode(f"redis-{number}", binary, folder) for number in range(1 + replicas)]
        self.sentinels = [
            RedisNode(f"sentinel-{number}", binary, folder, is_sentinel=True) for number in range(sentinels)
        ]

    @property
    def nodes(self) -> list[RedisNode]:
        """Every process."""
        return [*self.servers, *self.sentinels]

    @property
    def url(self) -> str:
        """Names every Sentinel."""
        return f"redis+sentinel://{','.join(node.address for node in self.sentinels)}/{SERVICE}"

    def start(self) -> None:
        """Start all and wait until they know of each other. Raises TimeoutError."""
        first, *others = self.servers
        for server in self.servers:
            server.configure({"appendonly": "yes", "replica-announce-port": server.public_port})
        first.start()
        for server in others:
            self._follow(server, first)
        # Sentinels look for replicas only every ten seconds.
        if not eventually(lambda: first.has_replicas(len(others)), _START_S):
            raise TimeoutError("no replicas")
        for sentinel in self.sentinels:
            sentinel.configure(
                {},
                f"sentinel monitor {SERVICE} 127.0.0.1 {first.public_port} {len(self.sentinels) // 2 + 1}",
                f"sentinel down-after-milliseconds {SERVICE} {DOWN_AFTER_MS}",
                f"sentinel failover-timeout {SERVICE} {_FAILOVER_TIMEOUT_MS}",
                f"sentinel parallel-syncs {SERVICE} {len(others)}",
            )
            sentinel.start()
        self.wait_whole(_START_S)

    def stop(self) -> None:
        """End all; nobody needs their data."""
        for node in reversed(self.nodes):
            node.kill()

    def restart(self, node: RedisNode) -> None:
        """Start a process again, a server as a replica of whoever is the master now."""
        master = self.master
        if node in self.sentinels or master is None:
            node.start()
        else:
            self._follow(node, master)

    def master_of(self, pool: str) -> RedisNode | None:
        """The server that serves a pool's keys now, if any does."""
        return self.master

    @property
    def masters(self) -> list[RedisNode]:
        """The one master, if there is one."""
        return [self.master] if self.master is not None else []

    @property
    def master(self) -> RedisNode | None:
        """Whom most Sentinels name, if it agrees."""
        named = [self._named_by(sentinel) for sentinel in self.sentinels]
        for server in self.servers:
            if (
                2 * named.count(server.public_port) > len(self.sentinels)
                and server.is_running
                and server.follows_nobody()
            ):
                return server
        return None

    def is_whole(self) -> bool:
        """Whether every process is up and knows of it, and every replica has all that the master has."""
        master = self.master
        return (
            master is not None
            and master.has_replicas(len(self.servers) - 1)
            and all(self._sees_all_well(sentinel, master) for sentinel in self.sentinels)
        )

    def wait_whole(self, within_s: float = 30.0) -> None:
        """Wait until the next failure can be survived. Raises TimeoutError."""
        if not eventually(self.is_whole, within_s):
            raise TimeoutError("the Sentinels and their servers are not whole")

    def _follow(self, server: RedisNode, master: RedisNode) -> None:
        server.start("--replicaof", "127.0.0.1", str(master.public_port))

    def _named_by(self, sentinel: RedisNode) -> int | None:
        try:
            named = sentinel.client.execute_command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", SERVICE)  # type: ignore[no-untyped-call]
        except (redis.RedisError, OSError):
            return None
        return int(named[1]) if named else None

    def _sees_all_well(self, sentinel: RedisNode, master: RedisNode) -> bool:
        try:
            said = sentinel.client.sentinel_master(SERVICE)  # type: ignore[no-untyped-call]
            replicas = sentinel.client.sentinel_slaves(SERVICE)  # type: ignore[no-untyped-call]
        except (redis.RedisError, OSError):
            return False
        return (
            said["port"] == master.public_port
            and said["flags"] == "master"
            and said["num-other-sentinels"] == len(self.sentinels) - 1
            and len(replicas) == len(self.servers) - 1
            and all(replica["flags"] == "slave" for replica in replicas)
        )
