"""A worker in this process, and what an ingress would hear of its jobs."""

from __future__ import annotations

import asyncio
import json
import math
import threading
from collections.abc import Callable
from typing import Any

from penstock.broker.client import Broker
from penstock.broker.connections import Endpoint
from penstock.broker.holding import Held
from penstock.broker.keys import ingress_channel
from penstock.broker.subscription import Subscription
from penstock.frames import Delta, End, Generated, decode_frame
from penstock.job import Job, State
from penstock.request import Api, ChatBody, Sampling, conversation, parse, sampling
from penstock.settings import EngineName, PoolSettings
from penstock.text.sim_tokenizer import SimulatedTokenizer
from tests.integration.broker.pool import POOL, Pool
from tests.simulated_answers import expected_text, expected_tokens
from workers.engine.base import Engine
from workers.engine.simulated import SimulatedEngine, SimulatedSettings
from workers.epoch import Place
from workers.history import Cause, History
from workers.pulse import Pulse, Rhythm, wire
from workers.report import Reporter
from workers.worker import Worker

DEADLINE_S = 20.0
QUICK = SimulatedSettings(prefill_ms_base=0.0, prefill_us_per_token=0.0, itl_ms=1.0, allow_injection=True)
SLOW = SimulatedSettings(prefill_ms_base=0.0, prefill_us_per_token=0.0, itl_ms=20.0, allow_injection=True)


def body(text: str = "Hello", **options: Any) -> bytes:
    """A chat request."""
    return json.dumps({"model": "sim", "messages": [{"role": "user", "content": text}], **options}).encode()


def prompt_and_sampling(raw: bytes) -> tuple[list[int], Sampling]:
    request = parse(Api.CHAT, raw)
    assert isinstance(request, ChatBody)
    return SimulatedTokenizer().chat(conversation(request)), sampling(request)


def text_of(raw: bytes, settings: SimulatedSettings = QUICK) -> str:
    """What the engine answers."""
    return expected_text(*prompt_and_sampling(raw), settings)


def tokens_of(raw: bytes, settings: SimulatedSettings = QUICK) -> list[int]:
    return expected_tokens(*prompt_and_sampling(raw), settings)


async def until(condition: Callable[[], bool], within_s: float = DEADLINE_S) -> None:
    """Poll a condition of this process until it holds."""
    async with asyncio.timeout(within_s):
        while not condition():
            await asyncio.sleep(0.005)


class Ear:
    """An ingress: hears one channel, and holds each job's tokens together."""

    def __init__(self, broker: Broker, name: str = "ear") -> None:
        self.channel = ingress_channel(name)
        self.stream = f"s:{self.channel}"
        self.final = f"f:{self.channel}"
        self.deltas: list[Delta] = []
        self._frames: set[bytes] = set()
        self._listens = asyncio.Event()
        self._subscription = Subscription(broker, self.channel, deliver=self._hear, connected=self._listens.set)
        self._news = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def listen(self) -> None:
        self._task = asyncio.create_task(self._subscription.run())
        async with asyncio.timeout(DEADLINE_S):
            await self._listens.wait()

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def of(self, job: str, fence: int | None = None) -> list[Delta]:
        return [delta for delta in self.deltas if delta.job == job and fence in (None, delta.fence)]

    def heard(self, job: str) -> Generated:
        """A job's tokens, taking what goes beyond what is there. Fails on a hole."""
        generated = Generated([], [])
        for delta in self.of(job):
            assert generated.extend(delta) >= 0, f"a hole before {delta}"
        return generated

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(DEADLINE_S):
            while not condition():
                self._news.clear()
                await self._news.wait()

    async def tokens(self, job: str, count: int) -> None:
        """Wait for that many tokens of a job."""
        await self.until(lambda: sum(len(delta.tokens) for delta in self.of(job)) >= count)

    async def end(self, job: str) -> End:
        """Wait for a job's end."""
        await self.until(lambda: any(delta.end for delta in self.of(job)))
        return next(delta.end for delta in self.of(job) if delta.end)

    def _hear(self, raw: bytes) -> None:
        # A worker may say a thing twice, as after a server forgot one of several scripts; an ingress drops the second.
        if raw not in self._frames:
            self._frames.add(raw)
            self.deltas += decode_frame(raw).every()
            self._news.set()


class Notes(Reporter):
    """A reporter that remembers."""

    def __init__(self) -> None:
        self.instances: list[str] = []
        self.is_ready = False
        self.failures: list[tuple[Cause, str]] = []

    def registered(self, instance: str) -> None:
        self.instances.append(instance)

    def ready(self) -> None:
        self.is_ready = True

    def failed(self, cause: Cause, why: str) -> None:
        self.failures.append((cause, why))


class Hand:
    """One worker at work."""

    def __init__(
        self, url: str, engine: Engine, *, name: str = "w", history: History | None = None, **settings: Any
    ) -> None:
        endpoint = Endpoint.parse(url)
        self.broker = Broker(endpoint, timeout_s=5.0, patience_s=math.inf)
        pool = PoolSettings(**{"engine": EngineName.SIMULATED, "drain_grace_s": 5.0, **settings})
        ours, theirs = wire()
        pulse = Pulse(theirs, endpoint, POOL, Rhythm.of(pool))
        # A thread in place of the process: a fork of what runs the tests would take their threads' locks along.
        self._pulse = threading.Thread(target=lambda: asyncio.run(pulse.run()), daemon=True)
        self._pulse.start()
        self.pulse = ours
        place = Place(broker=self.broker, pulse=ours, pool=POOL, settings=pool, name=name)
        self.notes = Notes()
        self.worker = Worker(place, engine, history or History(), self.notes)
        self.stop = asyncio.Event()
        self.life = asyncio.create_task(self.worker.run(self.stop))

    @property
    def instance(self) -> str:
        return self.notes.instances[-1]

    async def ready(self, pool: Pool) -> str:
        """Wait until the scheduler may give it work; returns the instance."""
        async with asyncio.timeout(DEADLINE_S):
            while not self.notes.is_ready or await state_of(pool, self.instance) != "ready":
                await asyncio.sleep(0.005)
        return self.instance

    async def drain(self) -> None:
        self.stop.set()
        async with asyncio.timeout(DEADLINE_S):
            await self.life

    async def close(self) -> None:
        self.stop.set()
        await asyncio.gather(self.life, return_exceptions=True)
        await self.broker.close()
        self.pulse.close()
        await asyncio.to_thread(self._pulse.join)


async def state_of(pool: Pool, instance: str) -> str:
    """What an instance's record says."""
    state: bytes | None = await pool.redis.hget(pool.keys.worker(instance), "state")
    return (state or b"").decode()


async def under_way(pool: Pool, instance: str, **changes: Any) -> Held:
    """A new job that a worker has claimed by itself."""
    held = await pool.assigned(instance, **changes)
    async with asyncio.timeout(DEADLINE_S):
        while await pool.state(held.job) is not State.RUNNING:
            await asyncio.sleep(0.005)
    return held


async def ended(pool: Pool, job_id: str) -> Job:
    """A job's record once it has ended."""
    async with asyncio.timeout(DEADLINE_S):
        while not (job := await pool.read(job_id)).state.terminal:
            await asyncio.sleep(0.005)
    return job


def engine(settings: SimulatedSettings = QUICK) -> SimulatedEngine:
    return SimulatedEngine(settings)
