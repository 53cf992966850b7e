"""A Redis Cluster of real servers on this machine: masters with a replica each, that fail over within seconds."""

from __future__ import annotations

from pathlib import Path

import redis
from redis.crc import REDIS_CLUSTER_HASH_SLOTS, key_slot

from penstock.broker.embedded import ServerBinary
from tests.harness.redis_node import BUS_OFFSET, RedisNode
from tests.waiting import eventually

#: A node that is silent for so long is taken for dead; a replica of its is elected a second later.
NODE_TIMEOUT_MS = 1500
#: A master waits two seconds after its start before it serves.
_START_S = 30.0


class RedisCluster:
    """Each shard is a master and its replicas at first; after a failover they have changed places."""

    def __init__(self, folder: Path, binary: ServerBinary, masters: int = 3, replicas: int = 1) -> None:
        self.shards = [
            [RedisNode(f"shard-{shard}-{number}", binary, folder) for number in range(1 + replicas)]
            for shard in range(masters)
        ]

    @property
    def nodes(self) -> list[RedisNode]:
        """Every server, the masters of the start first."""
        return [node for rank in zip(*self.shards, strict=True) for node in rank]

    @property
    def url(self) -> str:
        """Names every node."""
        return "redis+cluster://" + ",".join(node.address for node in self.nodes)

    def start(self) -> None:
        """Start all servers and wait until they are a cluster. Raises TimeoutError."""
        for node in self.nodes:
            node.configure(
                {
                    "appendonly": "yes",
                    "cluster-enabled": "yes",
                    "cluster-config-file": "nodes.conf",
                    "cluster-node-timeout": NODE_TIMEOUT_MS,
                    "cluster-announce-ip": "127.0.0.1",
                    "cluster-announce-port": node.public_port,
                    "cluster-announce-bus-port": node.port + BUS_OFFSET,
                    # A shard keeps its own two.
                    "cluster-migration-barrier": len(self.nodes),
                }
            )
            (node.folder / "nodes.conf").write_text(self._topology(node))
            node.start()
        self.wait_whole(_START_S)

    def stop(self) -> None:
        """End all servers; nobody needs their data."""
        for node in self.nodes:
            node.kill()

    def restart(self, node: RedisNode) -> None:
        """Start a node again: it finds its files, and hears from the others whether it has been replaced."""
        node.start()

    def shard_of(self, pool: str) -> list[RedisNode]:
        """The nodes that have a pool's keys."""
        slot = key_slot(f"{{{pool}}}".encode())
        return next(shard for number, shard in enumerate(self.shards) if slot in self._slots(number))

    def master_of(self, pool: str) -> RedisNode | None:
        """The node that serves a pool's keys now, if any does."""
        return self._master(self.shard_of(pool))

    @property
    def masters(self) -> list[RedisNode]:
        """Every master there is now."""
        return [master for shard in self.shards if (master := self._master(shard)) is not None]

    def is_whole(self) -> bool:
        """Whether every node is up and knows of it, and every replica has all that its master has."""
        masters = self.masters
        return (
            len(masters) == len(self.shards)
            and all(master.has_replicas(len(self.shards[0]) - 1) for master in masters)
            and all(self._sees_all_well(node) for node in self.nodes)
        )

    def wait_whole(self, within_s: float = 30.0) -> None:
        """Wait until the next failure can be survived. Raises TimeoutError."""
        if not eventually(self.is_whole, within_s):
            raise TimeoutError("the cluster is not whole")

    def _master(self, shard: list[RedisNode]) -> RedisNode | None:
        """A node that has just come back may take itself for the master until it hears of the newer epoch."""
        masters = [node for node in shard if self._serves(node)]
        return max(masters, key=self._epoch, default=None)

    def _serves(self, node: RedisNode) -> bool:
        return node.is_running and node.follows_nobody() and self._said(node).get("cluster_state") == "ok"

    def _epoch(self, node: RedisNode) -> int:
        return int(self._said(node).get("cluster_my_epoch", 0))

    def _sees_all_well(self, node: RedisNode) -> bool:
        said = self._said(node)
        return said.get("cluster_state") == "ok" and said.get("cluster_slots_ok") == str(REDIS_CLUSTER_HASH_SLOTS)

    def _said(self, node: RedisNode) -> dict[str, str]:
        try:
            said: dict[str, str] = node.client.execute_command("CLUSTER INFO")  # type: ignore[no-untyped-call]
        except (redis.RedisError, OSError):
            return {}
        return said

    def _topology(self, me: RedisNode) -> str:
        """What the node would have written had it met the others before: that spares all of them the meeting."""
        lines = []
        for number, (master, *replicas) in enumerate(self.shards):
            slots = self._slots(number)
            kept = f"0 0 {number + 1} connected"
            lines.append(f"{self._id(master)} {self._place(master, me)}master - {kept} {slots[0]}-{slots[-1]}")
            lines += [f"{self._id(one)} {self._place(one, me)}slave {self._id(master)} {kept}" for one in replicas]
        return "\n".join([*lines, f"vars currentEpoch {len(self.shards)} lastVoteEpoch 0", ""])

    def _slots(self, shard: int) -> range:
        each = REDIS_CLUSTER_HASH_SLOTS / len(self.shards)
        return range(round(shard * each), round((shard + 1) * each))

    def _id(self, node: RedisNode) -> str:
        return f"{node.port:040x}"

    def _place(self, node: RedisNode, me: RedisNode) -> str:
        return f"{node.address}@{node.port + BUS_OFFSET} {'myself,' if node is me else ''}"
