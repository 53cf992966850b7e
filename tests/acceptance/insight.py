"""What Redis knows of a job, for tests that break something at the right moment."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import psutil
import redis

from penstock.broker.keys import PoolKeys
from penstock.frames import Generated, replay
from penstock.job import Job, pool_of
from tests.waiting import eventually


class Insight:
    """Looks into the Redis of one stack."""

    def __init__(self, client: redis.Redis) -> None:
        # redis-py's types are those of its synchronous and its asynchronous client at once.
        self._client: Any = client

    def live(self, pool: str = "demo") -> list[str]:
        """The jobs of a pool that have not ended."""
        return [member.decode() for member in self._client.zrange(PoolKeys(pool).live, 0, -1)]

    def job(self, job_id: str) -> Job:
        """The record of a job."""
        return Job.from_record(job_id, self._client.hgetall(PoolKeys(pool_of(job_id)).job(job_id)))

    def worker_of(self, job_id: str) -> psutil.Process:
        """The process that runs a job."""
        return psutil.Process(int(self._client.hget(PoolKeys(pool_of(job_id)).worker(self.job(job_id).worker), "pid")))

    def tokens(self, job_id: str) -> list[int]:
        """All tokens of a finished job."""
        result = self.job(job_id).result
        assert result is not None
        return result.generated.tokens

    def cuts(self, job_id: str) -> list[int]:
        """How many tokens a job had at each loss of its worker."""
        evidence = self._client.hget(PoolKeys(pool_of(job_id)).job(job_id), "evidence") or b""
        return [loss["tokens"] for loss in msgspec.json.decode(b"[" + evidence + b"]")]

    def generated(self, job_id: str) -> list[int]:
        """The tokens of a job that are safe from now on, from its record and its worker's journal."""
        job = self.job(job_id)
        so_far = Generated([*job.prefix.tokens], [*job.prefix.pieces])
        entries = self._client.xrange(PoolKeys(pool_of(job_id)).journal(job.worker))
        replay({(job_id, job.fence): so_far}, [frame for _, fields in entries for frame in fields.values()])
        return so_far.tokens

    def await_tokens(self, job_id: str, count: int) -> None:
        """Return as soon as that many tokens are safe, or the job has ended."""
        assert eventually(lambda: self.job(job_id).state.terminal or len(self.generated(job_id)) >= count)


@contextmanager
def insight(redis_url: str) -> Iterator[Insight]:
    """An insight into the Redis at a URL."""
    with redis.Redis.from_url(redis_url) as client:
        yield Insight(client)
