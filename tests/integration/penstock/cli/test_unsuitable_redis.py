"""Who brings a Redis that deletes what it likes is told when the stack starts."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import redis
import yaml

from penstock.broker.embedded import EmbeddedRedis
from tests.harness.processes import end, free_port, spawn
from tests.harness.readiness import answers_ok
from tests.waiting import eventually


@pytest.mark.parametrize(("policy", "times"), [("allkeys-lru", 1), ("noeviction", 0)])
def test_up_says_once_what_an_evicting_server_may_lose(
    own_redis: EmbeddedRedis, tmp_path: Path, policy: str, times: int
) -> None:
    with redis.Redis.from_url(own_redis.url) as client:
        client.config_set("maxmemory-policy", policy)
    port = free_port()
    config, log = tmp_path / "config.yaml", tmp_path / "log"
    config.write_text(
        yaml.safe_dump(
            {
                "models": {"sim": {"pool": "sim"}},
                "pools": {"sim": {"engine": "simulated"}},
                "redis": {"url": own_redis.url},
                "ingress": {"port": port},
            }
        )
    )
    up: subprocess.Popen[bytes] = spawn(["up", "--config", str(config)], {}, log)
    try:
        assert eventually(lambda: answers_ok(f"http://127.0.0.1:{port}/ready"), within_s=60)
    finally:
        end(up)
    told = [line for line in log.read_text().splitlines() if '"redis.unsuitable"' in line and '"scheduler"' in line]
    assert len(told) == times
    assert all("maxmemory-policy allkeys-lru" in line and "Set noeviction" in line for line in told)
