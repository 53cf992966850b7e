"""CPU per streamed token of everything but the client, over that of a bare HTTP server."""

from __future__ import annotations

import sys
from statistics import median

import uvloop

from bench.harness.bare_server import bare_server
from bench.harness.headline import Bound, Headline, publish
from bench.harness.token_cost import ITL_MS, LOADS, TOKENS, load, median_costs, median_ratio, stack_costs
from tests.harness.processes import cpu_of

HEADLINE = Headline("floor_ratio", Bound.AT_MOST, 2.5)
ROUNDS = 3


async def floor_us(kind: str) -> list[float]:
    """CPU of a bare server per token, by load."""
    found = []
    async with bare_server(kind, TOKENS, ITL_MS) as (port, process):
        await load(port, 20)
        for streams in LOADS:
            before = cpu_of(process)
            await load(port, streams)
            found.append((cpu_of(process) - before) / (streams * TOKENS) * 1e6)
    return found


async def measure() -> dict[str, object]:
    """All servers in turn, a few times over: how fast the machine is changes from minute to minute."""
    rounds = [(await floor_us("paced"), await floor_us("swept"), await stack_costs()) for _ in range(ROUNDS)]
    loads = range(len(LOADS))
    ours = [[sum(stack[load].values()) for _, _, stack in rounds] for load in loads]
    paced = [[floor[load] for floor, _, _ in rounds] for load in loads]
    swept = [[floor[load] for _, floor, _ in rounds] for load in loads]
    ratios, swept_ratios = ([median_ratio(ours[load], floor[load]) for load in loads] for floor in (paced, swept))
    return {
        "floor_ratio": max(ratios),
        "floor_ratios": ratios,
        "us_per_token": [round(median(us), 2) for us in ours],
        "floor_us": [round(median(us), 2) for us in paced],
        "swept_floor_us": [round(median(us), 2) for us in swept],
        "swept_floor_ratios": swept_ratios,
        "roles_us": median_costs([stack for _, _, stack in rounds]),
    }


if __name__ == "__main__":
    sys.exit(publish(__file__, HEADLINE, uvloop.run(measure())))
