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


def stream_key(period: int) -> str:
    """String: what stream tokens are signed with in a period; of no pool. TTL: the period and its tokens' life."""
    return f"{PREFIX}:stream-key:{period}"


#: The Redis type of each key, by what follows the hash tag, or the prefix, up to the next colon.
_TYPES = {
    "job": "hash",
    "lane": "stream",
    "lane-counts": "hash",
    "lane-bytes": "hash",
    "live": "zset",
    "wake-up": "list",
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
    "job-index": "zset",
    "ledger": "stream",
    "ledger-leader": "string",
    "ledger-cursor": "string",
    "usage": "hash",
    "open-batches": "zset",
    "batch-index": "zset",
    "batch": "hash",
    "batch-open": "hash",
    "batch-ends": "list",
    "batch-parts": "list",
    "webhooks": "hash",
    "deliveries": "zset",
    "deliveries-pending": "zset",
    "delivery": "hash",
    "file": "hash",
    "files": "zset",
    "files-expiring": "zset",
    "delivering-tenants": "zset",
    "filing-tenants": "zset",
    "stream-key": "string",
}
#: How keys begin: those of a pool or of a tenant, and those that are of neither.
_BEGINNINGS = tuple(f"{PREFIX}:{rest}" for rest in ("{", "delivering-tenants", "filing-tenants", "stream-key:"))


#: Sorted set: tenants that have, or had, deliveries, by the ms at which the last was recorded. Never expires: it has a
#: member per tenant. Kept by whoever records a delivery, before that; read by the sweep.
DELIVERING_TENANTS = f"{PREFIX}:delivering-tenants"


#: Sorted set: tenants that have, or had, files, by the ms at which the last was made. Never expires: it has a member
#: per tenant. Kept by whoever records a file, before that; read by the sweep.
FILING_TENANTS = f"{PREFIX}:filing-tenants"


def is_key(word: str) -> bool:
    """Whether a word of a command is a key."""
    return word.startswith(_BEGINNINGS)


def type_of(key: str) -> str:
    """The Redis type that a key has, if anything has it."""
    name = key.partition("}:")[2] or key.removeprefix(f"{PREFIX}:")
    return _TYPES[name.partition(":")[0]]


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
    def wake_up(self) -> str:
        """List: at most one element, which wakes the sleeping leader. Pushed by the scripts, popped by the leader."""
        return f"{self._root}:wake-up"

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

    def job_index(self, tenant: str) -> str:
        """Sorted set: a tenant's jobs by the ms of their acceptance, bounded. TTL: the longest life of one."""
        return f"{self._root}:job-index:{tenant}"

    @cached_property
    def ledger(self) -> str:
        """Stream: one entry per job that ended, by the script that ended it; trimmed behind the cursor."""
        return f"{self._root}:ledger"

    @cached_property
    def ledger_leader(self) -> str:
        """String: token of the background process that reads the ledger. TTL: its lease."""
        return f"{self._root}:ledger-leader"

    @cached_property
    def ledger_cursor(self) -> str:
        """String: id of the last ledger entry that was applied. Never expires. Kept by apply_ledger."""
        return f"{self._root}:ledger-cursor"

    def usage(self, day: str) -> str:
        """Hash: what was used on a day (UTC, YYYY-MM-DD), see penstock/usage.py. TTL: how long usage is kept."""
        return f"{self._root}:usage:{day}"

    @cached_property
    def open_batches(self) -> str:
        """Sorted set: batches of which something is left to do, by the ms of their creation. Ingress → background."""
        return f"{self._root}:open-batches"

    @cached_property
    def batch_wake_up(self) -> str:
        """List: at most one element, which wakes who takes up batches. Pushed by create_batch, popped by background."""
        return f"{self._root}:batch-wake-up"

    def batch_index(self, tenant: str) -> str:
        """Sorted set: a tenant's batches by the ms of their creation, bounded. TTL: the longest life of one."""
        return f"{self._root}:batch-index:{tenant}"

    def batch(self, batch_id: str) -> str:
        """Hash: the record of a batch, the truth. TTL: none until its end, then `keep_s`. Ingress, background."""
        return f"{self._root}:batch:{batch_id}"

    def batch_open(self, batch_id: str) -> str:
        """Hash: a batch's jobs whose results are in no part yet → their lines. Kept by scripts, read by its owner."""
        return f"{self._root}:batch-open:{batch_id}"

    def batch_ends(self, batch_id: str) -> str:
        """List: a batch's jobs that have ended, from the ledger; shortened when their part is recorded."""
        return f"{self._root}:batch-ends:{batch_id}"

    def batch_parts(self, batch_id: str) -> str:
        """List: the parts of a batch's output, see penstock/batches/part.py. TTL: as the record."""
        return f"{self._root}:batch-parts:{batch_id}"

    @property
    def common(self) -> tuple[str, ...]:
        """The keys that all of a pool's work goes through: without any one of them in order it does not serve."""
        return (self.lane_counts, self.lane_bytes, self.live, self.leader, self.workers, self.instances)


@dataclass(frozen=True)
class TenantKeys:
    """The keys of one tenant's webhooks and files, in one slot: no pool's, for its jobs may be in several pools.

    No pool's name has a slash, so that a tenant of the same name has keys of its own.
    """

    tenant: str

    @property
    def _root(self) -> str:
        return f"{PREFIX}:{{tenant/{self.tenant}}}"

    @property
    def webhooks(self) -> str:
        """Hash: the tenant's subscriptions by id, bounded in number. Never expires. Ingress, background."""
        return f"{self._root}:webhooks"

    @property
    def deliveries(self) -> str:
        """Sorted set: deliveries by the ms of their making, bounded: the log. TTL: a day longer than one is kept."""
        return f"{self._root}:deliveries"

    @property
    def pending(self) -> str:
        """Sorted set: pending deliveries by the ms from which on the sweep looks for them. Kept by the scripts."""
        return f"{self._root}:deliveries-pending"

    def delivery(self, delivery_id: str) -> str:
        """Hash: a delivery with its attempts. TTL: none while pending, then as long as the log is kept."""
        return f"{self._root}:delivery:{delivery_id}"

    def file(self, file_id: str) -> str:
        """Hash: the record of a file, the truth. Deleted with the file; for a day it then says just that."""
        return f"{self._root}:file:{file_id}"

    @property
    def files(self) -> str:
        """Sorted set: the tenant's files by the ms of their making. Kept by put_file and delete_file."""
        return f"{self._root}:files"

    @property
    def files_expiring(self) -> str:
        """Sorted set: those that expire, by when. Kept by the same scripts, read by the sweep."""
        return f"{self._root}:files-expiring"
