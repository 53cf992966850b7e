"""CPU per job of the Valkey in the wheel, over that of the oldest Redis that is supported."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from statistics import median

import psutil
import uvloop

from bench.harness.headline import Bound, Headline, publish
from bench.harness.no_op_jobs import BATCH, jobs_config, run_jobs
from bench.harness.token_cost import Cost, median_costs, median_ratio, stack_costs, total_ratios
from penstock.broker.embedded import ServerBinary
from tests.harness.processes import cpu_of
from tests.harness.redis_node import RedisNode
from tests.harness.up import running
from tests.servers import embedded_server, oldest_server

HEADLINE = Headline("valkey_ratio", Bound.AT_MOST, 1.1)
ROUNDS = 5
JOBS = 10_240
#: The roles whose CPU a job costs; whoever submits it is the bench itself.
ROLES = ("redis", "scheduler", "worker")


def job_costs(node: RedisNode) -> Cost:
    """By role, in microseconds per job."""
    server = psutil.Process(node.pid)
    with running(jobs_config(node.port)) as stack:
        uvloop.run(run_jobs(node.port, BATCH * 16))
        before = {**stack.cpu_s(), "redis": cpu_of(server)}
        uvloop.run(run_jobs(node.port, JOBS))
        after = {**stack.cpu_s(), "redis": cpu_of(server)}
    return {role: (after[role] - before[role]) / JOBS * 1e6 for role in ROLES}


def costs_on(binary: ServerBinary) -> tuple[Cost, list[Cost]]:
    """What a job costs on a new server, and a token by load."""
    with tempfile.TemporaryDirectory(prefix="penstock-") as folder:
        node = RedisNode("redis", binary, Path(folder))
        try:
            node.configure({"appendonly": "yes"})
            node.start()
            return job_costs(node), uvloop.run(stack_costs(f"redis://{node.address}", [node]))
        finally:
            node.kill()


def measure() -> dict[str, object]:
    """Both servers in turn, a few times over."""
    oldest, embedded = oldest_server(), embedded_server()
    rounds = [(costs_on(embedded), costs_on(oldest)) for _ in range(ROUNDS)]
    jobs = [[ours for ours, _ in one] for one in rounds]
    ours, theirs = ([one[which][1] for one in rounds] for which in (0, 1))
    return {
        "valkey_ratio": median_ratio(*([one[which]["redis"] for one in jobs] for which in (0, 1))),
        "job_ratio": median_ratio(*([sum(one[which].values()) for one in jobs] for which in (0, 1))),
        "token_redis_ratios": [
            median_ratio(*([costs[load]["redis"] for costs in rounds] for rounds in (ours, theirs))) for load in (0, 1)
        ],
        "token_ratios": total_ratios(ours, theirs),
        "servers": [str(embedded), str(oldest)],
        "job_us": [{role: round(median(one[which][role] for one in jobs), 1) for role in ROLES} for which in (0, 1)],
        "token_us": [median_costs(ours), median_costs(theirs)],
    }


if __name__ == "__main__":
    sys.exit(publish(__file__, HEADLINE, measure()))
