"""One pool as the scripts see it: what ingress, scheduler and worker would do, one call at a time."""

from __future__ import annotations

from typing import Any

from penstock.broker import holding, leading, submission
from penstock.broker.holding import Claimed, Held
from penstock.broker.keys import PoolKeys
from penstock.broker.submission import Accepted, Enqueued, OnlyIf
from penstock.frames import End, Generated, Result
from penstock.job import Job, NewJob, State, new_job_id
from penstock.job_class import JobClass
from penstock.request import Api
from tests.integration.open_broker import OpenBroker

POOL = "sim"
LEADER = "scheduler:1"
NOTHING = Generated([], [])


def tokens(count: int) -> Generated:
    """The first tokens of any job here."""
    return Generated(list(range(count)), [f"<{offset}>" for offset in range(count)])


def result(state: State, count: int = 0) -> Result:
    """How a job may end."""
    return Result(End(state, "stop", completion_tokens=count), tokens(count))


class Pool:
    """Calls with the arguments that tests do not care about filled in."""

    def __init__(self, broker: OpenBroker) -> None:
        self.broker = broker
        #: Plain commands.
        self.redis: Any = broker.client
        self.keys = PoolKeys(POOL)

    def new_job(self, **changes: Any) -> NewJob:
        """A job that nobody has submitted."""
        fields: dict[str, Any] = {
            "id": new_job_id(POOL),
            "api": Api.CHAT,
            "body": b'{"model": "sim"}',
            "is_engine_written": False,
            "model": "sim",
            "job_class": JobClass.STANDARD,
            "tenant": "acme",
            "queue_timeout_ms": 60_000,
            "run_timeout_ms": 60_000,
            "result_ttl_ms": 60_000,
        }
        return NewJob(**{**fields, **changes})

    async def submit(
        self, *, max_jobs: int = 0, max_bytes: int = 0, replaces: int | None = None, **changes: Any
    ) -> tuple[NewJob, Enqueued]:
        job = self.new_job(**changes)
        return job, await self.broker.run(
            submission.enqueue(job, max_jobs=max_jobs, max_bytes=max_bytes, replaces=replaces)
        )

    async def queued(self, **changes: Any) -> str:
        """Id of a job that waits in its lane."""
        job, reply = await self.submit(**changes)
        assert isinstance(reply, Accepted)
        return job.id

    async def assigned(self, instance: str, **changes: Any) -> Held:
        """A new job in the inbox of an instance."""
        return await self.assign(await self.queued(**changes), instance)

    async def running(self, instance: str, **changes: Any) -> Held:
        """A new job that an instance has taken up."""
        held = await self.assigned(instance, **changes)
        assert isinstance(await self.claim(instance, held), Claimed)
        return held

    async def read(self, job_id: str) -> Job:
        return Job.from_record(job_id, await self.redis.hgetall(self.keys.job(job_id)))

    async def state(self, job_id: str) -> State:
        return (await self.read(job_id)).state

    async def lead(self, token: str = LEADER) -> bool:
        return (await self.broker.run(leading.lead(POOL, token, 60_000))).is_ours

    async def register(self, instance: str, *, before: str = "", slots: int = 4, state: str = "ready") -> str:
        name = instance.rpartition(".")[0]
        fields: dict[str, str | bytes | int | float] = {"state": state, "slots": slots}
        return await self.broker.run(holding.register(POOL, name, instance, before, fields))

    async def try_assign(self, job_id: str, instance: str, *, token: str = LEADER, entry: str | None = None) -> str:
        job = await self.read(job_id)
        call = leading.assign(POOL, token, job_id, job.lane, job.entry if entry is None else entry, instance)
        return await self.broker.run(call)

    async def assign(self, job_id: str, instance: str) -> Held:
        assert await self.try_assign(job_id, instance) == "assigned"
        found = [held for held in await self.inbox(instance) if held.job == job_id]
        # A real worker may be done with it by now.
        return found[0] if found else Held(job_id, (await self.read(job_id)).fence, "")

    async def inbox(self, instance: str) -> list[Held]:
        entries = await self.redis.xrange(self.keys.inbox(instance))
        return [Held.from_entry(entry, fields) for entry, fields in entries]

    async def control(self, instance: str) -> list[dict[bytes, bytes]]:
        return [fields for _, fields in await self.redis.xrange(self.keys.control(instance))]

    async def claim(self, instance: str, held: Held) -> Claimed | str:
        (answer,) = await self.broker.run(holding.claim(POOL, instance, [held]))
        return answer

    async def finish(self, instance: str, held: Held, state: State = State.COMPLETED, count: int = 3) -> str:
        call = holding.finish(POOL, instance, held, result(state, count), ttft_ms=5, notices=["channel", b"last"])
        return await self.broker.run(call)

    async def hand_back(self, instance: str, held: Held, count: int = 2) -> str:
        return await self.broker.run(
            holding.hand_back(POOL, instance, held, tokens(count), queue_timeout_ms=60_000),
        )

    async def lose(self, instance: str, *, beat: int | None = None) -> str:
        return await self.broker.run(leading.declare_lost(POOL, instance, beat=beat, why="it was killed"))

    async def request_cancel(self, job_id: str, instance: str, *, only_if: OnlyIf | None = None) -> str:
        fence = int(await self.redis.hget(self.keys.job(job_id), "fence") or 0)
        return await self.broker.run(submission.request_cancel(POOL, job_id, instance, fence, only_if=only_if))

    async def withdraw(
        self,
        job_id: str,
        state: State,
        *,
        lane: str | None = None,
        overdue: bool = False,
        only_if: OnlyIf | None = None,
    ) -> str:
        lane_now, fence = await self.redis.hmget(self.keys.job(job_id), "lane", "fence")
        lane = lane or lane_now.decode()
        only_if = OnlyIf.OVERDUE if overdue else only_if
        call = submission.withdraw(
            POOL, job_id, lane, int(fence or 0), state, result(state), ["channel", b"last"], only_if=only_if
        )
        return await self.broker.run(call)
