"""Every Redis key and channel, built here and nowhere else.

All keys of a pool carry the hash tag `{pool}`: they share one slot of a Redis Cluster, so that every script may touch
several. Channels are not keyed: PUBLISH reaches the whole cluster.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

PREFIX = "penstock"


def ingress_channel(ingress: str) -> str:
    """Channel: frames for one ingress process. Published by worker and scheduler scripts, read by that ingress."""
    return f"{PREFIX}:ingress:{ingress}"


#: The Redis type of a pool's keys, by what follows the hash tag, up to the next colon.
_TYPES = {
    "job": "hash",
    "lane": "stream",
    "lane-counts": "hash",
    "lane-bytes": "hash",
    "live": "zset",
    "bell": "list",
    "leader": "string",
    "settings": "string",
    "epochs": "string",
    "workers": "hash",
    "instances": "set",
    "worker": "hash",
    "inbox": "stream",
    "control": "stream",
    "journal": "stream",
    "dead-letters": "stream",
}


def is_key(word: str) -> bool:
    """Whether a word of a command is a key of a pool."""
    return word.startswith(f"{PREFIX}:{{")


def type_of(key: str) -> str:
    """The Redis type that a pool's key has, if anything has it."""
    return _TYPES[key.partition("}:")[2].partition(":")[0]]


@lru_cache(maxsize=256)
def keys_of(pool: str) -> PoolKeys:
    """The keys of a pool; bounded, since a client may name any pool in a job's id."""
    return PoolKeys(pool)


@dataclass(frozen=True)
class PoolKeys:
    """The keys of one pool."""

    pool: str

    @cached_property
    def _root(self) -> str:
        return f"{PREFIX}:{{{self.pool}}}"

    def job(self, job_id: str) -> str:
        """Hash: the record of a job, the truth. TTL: none until terminal, then its result TTL. All processes."""
        return f"{self._root}:job:{job_id}"

    def lane(self, name: str) -> str:
        """Stream: waiting jobs (id, deadline, size) of a class and tenant. Deleted when empty. Ingress → scheduler."""
        return f"{self._root}:lane:{name}"

    @cached_property
    def lane_counts(self) -> str:
        """Hash: lane name → waiting jobs; names the lanes there are. Kept by the scripts, read at admission."""
        return f"{self._root}:lane-counts"

    @cached_property
    def lane_bytes(self) -> str:
        """Hash: lane name → bytes of waiting bodies. Kept by the scripts, read at admission."""
        return f"{self._root}:lane-bytes"

    @cached_property
    def live(self) -> str:
        """Sorted set: every non-terminal job by its next deadline (ms). Kept by the scripts, read by the leader."""
        return f"{self._root}:live"

    @cached_property
    def bell(self) -> str:
        """List: at most one element, which wakes the sleeping scheduler. Rung by the scripts, popped by the leader."""
        return f"{self._root}:bell"

    @cached_property
    def leader(self) -> str:
        """String: token of the leading scheduler. TTL: leader lease. Renewed by it, checked by its scripts."""
        return f"{self._root}:leader"

    @cached_property
    def settings(self) -> str:
        """String: what its leader's configuration says of the pool, JSON. Kept by lead, read by all who serve it."""
        return f"{self._root}:settings"

    @cached_property
    def epochs(self) -> str:
        """String: counter behind worker epochs and leader tokens. Never expires: epochs only grow."""
        return f"{self._root}:epochs"

    @cached_property
    def workers(self) -> str:
        """Hash: worker name → its newest instance. By registration and beats; read by leader and /ready."""
        return f"{self._root}:workers"

    @cached_property
    def instances(self) -> str:
        """Set: instances not yet retired, lost ones included. By registration and beats, emptied by the reaper."""
        return f"{self._root}:instances"

    def worker(self, instance: str) -> str:
        """Hash: state, beat, slots and figures of one instance; missing or lost means fenced. Deleted at retirement."""
        return f"{self._root}:worker:{instance}"

    def inbox(self, instance: str) -> str:
        """Stream: the jobs an instance holds, from assignment to finish; its length is the load. Scheduler → worker."""
        return f"{self._root}:inbox:{instance}"

    def control(self, instance: str) -> str:
        """Stream: cancel and attach requests, deleted when read. Ingress → worker."""
        return f"{self._root}:control:{instance}"

    def journal(self, instance: str) -> str:
        """Stream: step frames of running jobs, trimmed to the oldest running one. Worker → reaper."""
        return f"{self._root}:journal:{instance}"

    @cached_property
    def dead_letters(self) -> str:
        """Stream: jobs that lost too many workers, with the evidence; bounded by count. Reaper → command line."""
        return f"{self._root}:dead-letters"

    @property
    def common(self) -> tuple[str, ...]:
        """The keys that all of a pool's work goes through: without any one of them in order it does not serve."""
        return (self.lane_counts, self.lane_bytes, self.live, self.leader, self.workers, self.instances)
