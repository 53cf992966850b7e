"""Time to first token that Penstock adds, over one HTTP and three Redis round trips."""

from __future__ import annotations

import asyncio
import statistics
import sys
import time
from dataclasses import dataclass

import uvloop

from bench.harness.bare_server import bare_server
from bench.harness.headline import Bound, Headline, publish
from bench.harness.sse_client import Streamed, stream
from penstock.broker.connections import Endpoint
from penstock.broker.dialing import open_link
from tests.harness.up import running

HEADLINE = Headline("floor_ratio", Bound.AT_MOST, 10)
CLIENTS = 10
TOKENS = 10
ITL_MS = 20
#: How often each client asks while a server is measured, and how often each server is.
TURNS = 20
ROUNDS = 5
#: To submit, to assign and to claim: each waits for the one before.
REDIS_ROUND_TRIPS = 3
PINGS = 500

#: An engine that needs no time for a prompt: all of the time to the first token is added by what is around it.
ENGINE = {"itl_ms": ITL_MS, "prefill_ms_base": 0, "prefill_us_per_token": 0, "full_batch_slowdown": 1.0}
CONFIG = {
    "models": {"sim": {"pool": "sim"}},
    "pools": {"sim": {"engine": "simulated", "slots": 64, "options": ENGINE}},
    "telemetry": {"log_level": "warning"},
}


@dataclass(frozen=True, slots=True)
class Round:
    """All servers in turn."""

    http_ms: float
    redis_ms: float
    added_ms: list[float]

    @property
    def floor_ms(self) -> float:
        """What the way takes at least."""
        return self.http_ms + REDIS_ROUND_TRIPS * self.redis_ms

    @property
    def ratio(self) -> float:
        """Of the medians."""
        return statistics.median(self.added_ms) / self.floor_ms


async def first_tokens_ms(port: int) -> list[float]:
    """Until the first token of each stream: each client asks again as soon as it has its answer."""

    async def client(number: int) -> list[Streamed]:
        await asyncio.sleep(number * 0.021)
        options = {"max_tokens": TOKENS, "min_tokens": TOKENS}
        return [await stream(port, "sim", f"Client {number}, question {turn}?", **options) for turn in range(TURNS)]

    answers = await asyncio.gather(*map(client, range(CLIENTS)))
    return [one.ttft_s * 1000 for several in answers for one in several]


async def redis_ms(url: str) -> float:
    """One round trip, by the connection that every process of Penstock has."""
    link = await open_link(Endpoint.parse(url), 5.0)
    found = []
    for _ in range(PINGS):
        begun_s = time.perf_counter()
        await link.ask([("PING",)], 5.0)
        found.append((time.perf_counter() - begun_s) * 1000)
    link.close()
    return statistics.median(found)


async def measure() -> dict[str, object]:
    """A bare server that answers at once, then Penstock and its Redis, a few times over."""
    rounds = []
    async with bare_server("paced", TOKENS, ITL_MS) as (bare_port, _):
        with running(CONFIG) as stack:
            await first_tokens_ms(stack.port)
            for _ in range(ROUNDS):
                http_ms = statistics.median(await first_tokens_ms(bare_port))
                rounds.append(Round(http_ms, await redis_ms(stack.redis_url), await first_tokens_ms(stack.port)))
    added_ms = [one for measured in rounds for one in measured.added_ms]
    cuts = statistics.quantiles(added_ms, n=100)
    return {
        "floor_ratio": round(statistics.median(one.ratio for one in rounds), 2),
        "floor_ms": round(statistics.median(one.floor_ms for one in rounds), 3),
        "http_ms": round(statistics.median(one.http_ms for one in rounds), 3),
        "redis_ms": round(statistics.median(one.redis_ms for one in rounds), 3),
        "p50_ms": round(cuts[49], 2),
        "p99_ms": round(cuts[98], 2),
        "requests": len(added_ms),
    }


if __name__ == "__main__":
    sys.exit(publish(__file__, HEADLINE, uvloop.run(measure())))
