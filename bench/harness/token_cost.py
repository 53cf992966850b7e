"""CPU that a streamed token costs: of everything but the client, by role."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from statistics import median

import psutil

from bench.harness.sse_client import Streamed, stream
from penstock.settings.sections import EMBEDDED
from tests.harness.processes import cpu_of
from tests.harness.redis_node import RedisNode
from tests.harness.up import Up, running

TOKENS = 100
ITL_MS = 20
#: Streams at once.
LOADS = (200, 400)
#: The roles whose CPU a token costs; the supervisor and the hosts sleep.
ROLES = ("ingress", "redis", "scheduler", "worker")
#: By role, in microseconds per token.
Cost = dict[str, float]

CONFIG = {
    "models": {"sim": {"pool": "sim"}},
    "pools": {
        "sim": {
            "engine": "simulated",
            "workers": 1,
            "slots": 512,
            "lane_max_jobs": 10_000,
            "options": {"itl_ms": ITL_MS, "prefill_ms_base": 0, "prefill_us_per_token": 0, "full_batch_slowdown": 1.0},
        }
    },
    "telemetry": {"log_level": "warning"},
}


async def load(port: int, streams: int) -> list[Streamed]:
    """All streams at once."""
    options = {"max_tokens": TOKENS, "min_tokens": TOKENS, "ignore_eos": True}
    return await asyncio.gather(*(stream(port, "sim", f"Question {number}?", **options) for number in range(streams)))


async def stack_costs(redis_url: str = EMBEDDED, servers: Sequence[RedisNode] = (), queue_url: str = "") -> list[Cost]:
    """What a whole stack uses, by load; `servers` are those of Redis that it did not start itself.

    `queue_url` is where arq has its tasks, if that is elsewhere.
    """
    others = [psutil.Process(server.pid) for server in servers]
    with running({**CONFIG, "redis": {"url": redis_url}, "background": {"redis_url": queue_url}}) as stack:
        await load(stack.port, 20)
        return [await _cost_at(stack, others, streams) for streams in LOADS]


async def _cost_at(stack: Up, others: Sequence[psutil.Process], streams: int) -> Cost:
    before = _used_s(stack, others)
    answers = await load(stack.port, streams)
    after = _used_s(stack, others)
    assert all(len(answer.text()) >= TOKENS // 2 for answer in answers)
    return {role: (after[role] - before[role]) / (streams * TOKENS) * 1e6 for role in ROLES}


def _used_s(stack: Up, others: Sequence[psutil.Process]) -> dict[str, float]:
    used = stack.cpu_s()
    return {**used, "redis": used.get("redis", 0.0) + sum(map(cpu_of, others))}


def median_costs(rounds: Sequence[Sequence[Cost]]) -> dict[int, Cost]:
    """By load, the median of all rounds."""
    return {
        streams: {role: round(median(costs[index][role] for costs in rounds), 2) for role in ROLES}
        for index, streams in enumerate(LOADS)
    }


def median_ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """The median of each round's ratio."""
    return round(median(us / them for us, them in zip(ours, theirs, strict=True)), 2)


def total_ratios(ours: Sequence[Sequence[Cost]], theirs: Sequence[Sequence[Cost]]) -> list[float]:
    """By load, what one stack costs over what another does in the same round."""
    totals = [
        [[sum(costs[load].values()) for costs in rounds] for load in range(len(LOADS))] for rounds in (ours, theirs)
    ]
    return [median_ratio(one, other) for one, other in zip(*totals, strict=True)]
