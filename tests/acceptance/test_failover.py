"""A master dies: its replica takes over, and of all streams and pools nobody is hurt but by the wait."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import pytest

from tests.acceptance.asking import connected, job, job_id_of, says, text_of
from tests.acceptance.simulation import POOL, expected
from tests.harness import stack
from tests.harness.program import Program
from tests.harness.redis_cluster import RedisCluster
from tests.harness.redis_node import RedisNode
from tests.harness.redis_sentinel import RedisSentinel
from tests.harness.stack import Stack
from tests.servers import SERVERS
from tests.waiting import eventually

#: In a cluster they have different masters.
POOLS = ("sim", "side")
#: Their stream takes longer than any failover.
TOKENS = 500
#: From a new master's promotion on, every pool serves again within this time.
RECOVERY_S = 5.0

_newest = list(SERVERS.values())[-1]


@pytest.fixture(scope="module", params=[RedisCluster, RedisSentinel])
def servers(request: pytest.FixtureRequest) -> Iterator[RedisCluster | RedisSentinel]:
    with TemporaryDirectory(prefix="penstock-", ignore_cleanup_errors=True) as folder:
        it: RedisCluster | RedisSentinel = request.param(Path(folder), _newest)
        try:
            yield it
        finally:
            it.stop()


@pytest.fixture(scope="module")
def parts(servers: RedisCluster | RedisSentinel) -> Iterator[Stack]:
    """Two ingresses and two schedulers, and two pools of a worker each."""
    with (
        TemporaryDirectory(prefix="penstock-", ignore_cleanup_errors=True) as folder,
        stack.running(Path(folder), POOL, ingresses=2, schedulers=2, pools=POOLS, servers=servers) as it,
    ):
        yield it


@pytest.fixture(autouse=True)
def whole(servers: RedisCluster | RedisSentinel, parts: Stack) -> Iterator[None]:
    """What a test has killed comes back, as a supervisor would have it; every process keeps its countenance."""
    before = {program: _lines(program) for program in parts.programs}
    yield
    for node in servers.nodes:
        if not node.is_running:
            servers.restart(node)
    servers.wait_whole()
    for program, lines in before.items():
        said = _lines(program)[len(lines) :]
        assert not any("Traceback" in line for line in said), "\n".join(said)


def test_streams_on_every_pool_outlive_a_master(servers: RedisCluster | RedisSentinel, parts: Stack) -> None:
    with ExitStack() as opened, ThreadPoolExecutor() as threads:
        # What is left to the collector leaves open sockets to it.
        clients = [opened.enter_context(connected(url)) for url in parts.urls]
        streams = [
            opened.enter_context(
                client.chat.completions.create(
                    model=pool, messages=says(f"{pool} {number}"), max_tokens=TOKENS, stream=True
                )
            )
            for pool in POOLS
            for number, client in enumerate(clients)
        ]
        for stream in streams:
            next(stream)
        reading = [threads.submit(text_of, stream) for stream in streams]
        dead = _kill_master(servers, "sim")
        statuses = _statuses_until_promotion(servers, parts, dead)
        _assert_every_pool_serves(parts)
        texts = [one.result() for one in reading]
        states = {
            job(clients[number % len(clients)], job_id_of(stream))["state"] for number, stream in enumerate(streams)
        }

    questions = [f"{pool} {number}" for pool in POOLS for number in range(len(clients))]
    assert texts == [expected(question, max_tokens=TOKENS) for question in questions]
    assert statuses <= {200, 503}
    assert states == {"completed"}


def test_new_processes_start_while_the_first_that_is_named_is_dead_and_outlive_a_master(
    servers: RedisCluster | RedisSentinel, parts: Stack
) -> None:
    first = servers.sentinels[0] if isinstance(servers, RedisSentinel) else servers.nodes[0]
    first.kill()
    for program in parts.programs:
        assert program.stop(10.0) == 0
        program.start()
    parts.wait_ready()
    _assert_every_pool_serves(parts)
    # In a cluster the master of another shard.
    dead = _kill_master(servers, "side")
    assert eventually(lambda: servers.master_of("side") not in (None, dead))
    _assert_every_pool_serves(parts)


def _kill_master(servers: RedisCluster | RedisSentinel, pool: str) -> RedisNode:
    master = servers.master_of(pool)
    assert master is not None
    master.kill()
    return master


def _statuses_until_promotion(servers: RedisCluster | RedisSentinel, parts: Stack, dead: RedisNode) -> set[int]:
    """What new requests to every pool get while a master is missing."""
    statuses: set[int] = set()
    while servers.master_of("sim") in (None, dead):
        statuses |= {_ask(url, pool) for url in parts.urls for pool in POOLS}
    return statuses


def _assert_every_pool_serves(parts: Stack) -> None:
    began_s = time.monotonic()
    for pool, url in product(POOLS, parts.urls):
        assert eventually(partial(_serves, url, pool), RECOVERY_S), f"{pool} at {url}"
    assert time.monotonic() - began_s < RECOVERY_S


def _serves(url: str, pool: str) -> bool:
    return _ask(url, pool) == 200


def _ask(url: str, pool: str) -> int:
    body = {"model": pool, "prompt": "Are you there?", "max_tokens": 1}
    return httpx.post(f"{url}/v1/completions", json=body, timeout=10).status_code


def _lines(program: Program) -> list[str]:
    return program.log.read_text().splitlines()
