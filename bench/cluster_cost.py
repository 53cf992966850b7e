"""CPU per streamed token on a Redis Cluster of three masters, over that on one server."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import uvloop

from bench.harness.headline import Bound, Headline, publish
from bench.harness.token_cost import Cost, median_costs, stack_costs, total_ratios
from penstock.broker.embedded import find_server
from tests.harness.redis_cluster import RedisCluster
from tests.harness.redis_node import RedisNode

HEADLINE = Headline("cluster_ratio", Bound.AT_MOST, 1.1)
ROUNDS = 3


async def one_and_three() -> tuple[list[Cost], list[Cost]]:
    """By load, what a token costs on one server, and on the cluster."""
    with tempfile.TemporaryDirectory(prefix="penstock-") as folder:
        server = find_server()
        one, three = RedisNode("one", server, Path(folder)), RedisCluster(Path(folder), server, replicas=0)
        try:
            one.configure({"appendonly": "yes"})
            one.start()
            three.start()
            plain = f"redis://{one.address}"
            single = await stack_costs(plain, [one])
            # arq knows no cluster.
            return single, await stack_costs(three.url, [*three.nodes, one], plain)
        finally:
            one.kill()
            three.stop()


async def measure() -> dict[str, object]:
    """Both in turn, a few times over."""
    on_one, on_three = zip(*[await one_and_three() for _ in range(ROUNDS)], strict=True)
    ratios = total_ratios(on_three, on_one)
    return {
        "cluster_ratio": max(ratios),
        "cluster_ratios": ratios,
        "roles_us": {"one": median_costs(on_one), "three": median_costs(on_three)},
    }


if __name__ == "__main__":
    sys.exit(publish(__file__, HEADLINE, uvloop.run(measure())))
