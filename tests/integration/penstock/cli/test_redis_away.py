"""A process that is started while Redis is away says so, and says when it is back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from penstock.broker.connections import Endpoint
from penstock.broker.embedded import EmbeddedRedis
from penstock.telemetry import events
from tests.harness.processes import end, free_port, spawn
from tests.waiting import eventually

DEADLINE_S = 120.0


def told(log: Path, event: str) -> list[dict[str, Any]]:
    """The lines of an event."""
    whole = log.read_text().rpartition("\n")[0]
    lines = [json.loads(line) for line in whole.splitlines() if line.startswith("{")]
    return [line for line in lines if line["event"] == event]


@pytest.mark.parametrize("role", ["ingress", "scheduler", "background", "worker"])
def test_a_role_says_once_that_redis_is_away_and_once_that_it_is_back(
    own_redis: EmbeddedRedis, tmp_path: Path, role: str
) -> None:
    config, log = tmp_path / "penstock.yaml", tmp_path / "log"
    pools = {name: {"engine": "simulated", "workers": 1} for name in ("one", "two")}
    models = {name: {"pool": name} for name in pools}
    redis = {"url": own_redis.url}
    settings = {"models": models, "pools": pools, "redis": redis, "ingress": {"port": free_port()}}
    config.write_text(yaml.safe_dump(settings))
    own_redis.kill()
    words = [role, "--config", str(config), *(["--pool", "one"] if role == "worker" else [])]
    process = spawn(words, {}, log)
    try:
        assert eventually(lambda: bool(told(log, events.REDIS_LOST)), within_s=DEADLINE_S)
        own_redis.start()
        assert eventually(lambda: bool(told(log, events.REDIS_BACK)), within_s=DEADLINE_S)
    finally:
        end(process)
    (lost,), (back,) = told(log, events.REDIS_LOST), told(log, events.REDIS_BACK)
    assert lost["address"] == back["address"] == Endpoint.parse(own_redis.url).address
    assert lost["why"]
