"""Jobs taken per second, one each and in bulk, over a bare server that does one XADD for each."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from statistics import median

import redis
import uvloop
import yaml

from bench.harness.bare_intake import bare_intake
from bench.harness.headline import Bound, Headline, publish
from bench.harness.poster import posted
from penstock.broker.embedded import find_server
from penstock.broker.keys import PoolKeys
from tests.harness.processes import end, free_port, spawn
from tests.harness.readiness import wait_ready
from tests.harness.redis_node import RedisNode

HEADLINE = Headline("single_ratio", Bound.AT_LEAST, 0.5)
BULK_RATIO = 0.5
CONNECTIONS = 64
#: Requests of each connection, and lines of one bulk request, per round.
TIMES = 50
LINES = 10_000
ROUNDS = 5

CHAT = {"model": "sim", "messages": [{"role": "user", "content": "What is a queue, and what is it good for?"}]}
JOB = json.dumps({"endpoint": "/v1/chat/completions", "body": CHAT, "metadata": {"order": "4711"}}).encode()


def config(redis_port: int, port: int) -> dict[str, object]:
    """An ingress without anybody who takes the jobs: what it costs to take them in is all there is."""
    return {
        "models": {"sim": {"pool": "sim"}},
        "pools": {"sim": {"engine": "simulated", "lane_max_jobs": 10_000_000, "lane_max_bytes": 1 << 40}},
        "redis": {"url": f"redis://127.0.0.1:{redis_port}/0"},
        "ingress": {"port": port, "processes": 1},
        "telemetry": {"log_level": "warning"},
    }


async def rates(port: int, single: str, bulk: str, bulk_type: str) -> tuple[float, float, list[str]]:
    """Jobs per second, one each and in bulk, and the ids of all of them."""
    seconds, answers = await posted(port, single, JOB, "application/json", connections=CONNECTIONS, times=TIMES)
    ids = [json.loads(answer)["id"] for answer in answers]
    bulk_s, (lines,) = await posted(port, bulk, (JOB + b"\n") * LINES, bulk_type, connections=1, times=1)
    ids += [json.loads(line)["id"] for line in lines.splitlines()]
    return CONNECTIONS * TIMES / seconds, LINES / bulk_s, ids


async def measure(folder: Path) -> tuple[dict[str, object], list[str]]:
    """Penstock's ingress and the bare server in turn, a few times over, on one Redis; and what went wrong."""
    node = RedisNode("redis", find_server(), folder)
    node.configure({"appendonly": "yes"})
    node.start()
    port = free_port()
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(config(node.port, port)))
    ingress = spawn(["ingress", "--config", str(path)], {}, folder / "log")
    ours, theirs, lost = list[tuple[float, float]](), list[tuple[float, float]](), 0
    try:
        wait_ready(port, ingress, folder / "log", path="/health")
        with bare_intake(node.port) as bare_port:
            for number in range(ROUNDS + 1):
                *rate, ids = await rates(port, "/v1/jobs", "/v1/jobs/bulk", "application/x-ndjson")
                *bare, _ = await rates(bare_port, "/", "/bulk", "application/x-ndjson")
                lost += CONNECTIONS * TIMES + LINES - _durable(node.client, ids)
                node.client.flushdb()
                # The first round warms both up.
                if number:
                    ours.append((rate[0], rate[1]))
                    theirs.append((bare[0], bare[1]))
    finally:
        end(ingress)
        node.kill()
    ratios = [(us[0] / them[0], us[1] / them[1]) for us, them in zip(ours, theirs, strict=True)]
    bulk_ratio = round(median(ratio for _, ratio in ratios), 2)
    flaws = [f"bulk_ratio is {bulk_ratio}, its aim is at least {BULK_RATIO}"] if bulk_ratio < BULK_RATIO else []
    if lost:
        flaws.append(f"{lost} jobs were acknowledged or sent, and have no record")
    return {
        "single_ratio": round(median(ratio for ratio, _ in ratios), 2),
        "bulk_ratio": bulk_ratio,
        "lost": lost,
        "single_jobs_s": round(median(rate for rate, _ in ours)),
        "bulk_jobs_s": round(median(rate for _, rate in ours)),
        "bare_single_jobs_s": round(median(rate for rate, _ in theirs)),
        "bare_bulk_jobs_s": round(median(rate for _, rate in theirs)),
    }, flaws


def _durable(client: redis.Redis, ids: list[str]) -> int:
    """How many of these jobs have a record, each counted once, and wait in their lane."""
    keys = PoolKeys("sim")
    pipe = client.pipeline(transaction=False)
    for job_id in set(ids):
        pipe.exists(keys.job(job_id))
    records = sum(pipe.execute())
    waiting = int(client.xlen(keys.lane("standard:default")))  # type: ignore[arg-type]  # redis-py mixes its clients up
    return min(records, waiting)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="penstock-bench-") as name:
        figures, flaws = uvloop.run(measure(Path(name)))
    sys.exit(publish(__file__, HEADLINE, figures, flaws))
