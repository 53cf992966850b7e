"""A cluster's nodes: keys that move, nodes that die, and a first node that was never there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from penstock.broker import leading, signing
from penstock.broker.channel import servers_of
from penstock.broker.client import Broker
from penstock.broker.cluster import Cluster
from penstock.broker.connections import Endpoint
from penstock.broker.error_replies import LOST
from penstock.broker.keys import keys_of
from penstock.broker.query import Query
from penstock.broker.slots import slot_of
from penstock.errors import BrokerUnavailableError
from tests.eventual import until
from tests.harness.processes import free_port
from tests.harness.redis_cluster import RedisCluster
from tests.harness.redis_node import RedisNode
from tests.servers import SERVERS

TIMEOUT_S = 2.0


@pytest.fixture(scope="module", params=SERVERS)
def cluster(request: pytest.FixtureRequest) -> Iterator[RedisCluster]:
    """Three masters without replicas."""
    with TemporaryDirectory(prefix="cluster-") as folder:
        cluster = RedisCluster(Path(folder), SERVERS[request.param], replicas=0)
        try:
            cluster.start()
            yield cluster
        finally:
            cluster.stop()


@pytest.fixture
async def broker(cluster: RedisCluster) -> AsyncIterator[Broker]:
    broker = Broker(Endpoint.parse(cluster.url), timeout_s=TIMEOUT_S)
    yield broker
    await broker.close()


def _pools(cluster: RedisCluster, name: str) -> list[str]:
    """A pool for each master; each test has its own, for some are moved."""
    found: dict[str, str] = {}
    for number in range(100):
        node = cluster.master_of(f"{name}{number}")
        assert node is not None
        found.setdefault(node.name, f"{name}{number}")
    assert len(found) == len(cluster.shards)
    return list(found.values())


def _slot(pool: str) -> int:
    slot = slot_of(("GET", keys_of(pool).leader))
    assert slot is not None
    return slot


def _id(node: RedisNode) -> str:
    return str(node.client.execute_command("CLUSTER MYID"), "ascii")  # type: ignore[no-untyped-call]


def _move(slot: int, source: RedisNode, target: RedisNode) -> None:
    """Begin to move a slot: keys that the source lacks are the target's from here on."""
    target.client.execute_command("CLUSTER SETSLOT", slot, "IMPORTING", _id(source))  # type: ignore[no-untyped-call]
    source.client.execute_command("CLUSTER SETSLOT", slot, "MIGRATING", _id(target))  # type: ignore[no-untyped-call]


def _settle(slot: int, cluster: RedisCluster, target: RedisNode) -> None:
    """The slot is the target's, and all know it."""
    for node in (target, *cluster.nodes):
        node.client.execute_command("CLUSTER SETSLOT", slot, "NODE", _id(target))  # type: ignore[no-untyped-call]


async def test_commands_for_several_nodes_are_answered_in_their_order(cluster: RedisCluster, broker: Broker) -> None:
    pools = _pools(cluster, "order")
    replies = await broker.run_many([leading.lead(pool, f"token-{pool}", 60_000) for pool in pools * 2])
    assert [reply.is_ours for reply in replies] == [True] * 6
    read = [Query(("GET", keys_of(pool).leader), bytes.decode) for pool in (*pools, *reversed(pools))]
    assert await broker.ask_many(read) == [f"token-{pool}" for pool in (*pools, *reversed(pools))]


async def test_a_command_without_a_key_goes_where_the_others_go(cluster: RedisCluster) -> None:
    pool = _pools(cluster, "keyless")[1]
    node = cluster.master_of(pool)
    assert node is not None
    channel = servers_of(Endpoint.parse(cluster.url), TIMEOUT_S).channel()
    try:
        info, _ = await channel.ask([("INFO", "server"), ("GET", keys_of(pool).leader)], TIMEOUT_S)
    finally:
        await channel.close()
    assert f"tcp_port:{node.port}".encode() in info


async def test_a_slot_that_moves_is_followed(cluster: RedisCluster, broker: Broker) -> None:
    pool, other, _ = _pools(cluster, "moves")
    source, target = cluster.master_of(pool), cluster.master_of(other)
    assert source is not None
    assert target is not None
    keys, slot = keys_of(pool), _slot(pool)
    await broker.ask_many([Query(("SET", keys.epochs, 7), bytes), Query(("DEL", keys.leader), int)])
    _move(slot, source, target)
    # What is still at the source is served there, what is not, at the target.
    assert await broker.ask_many([Query(("GET", keys.epochs), int), Query(("SET", keys.leader, "me"), bytes)]) == [
        7,
        b"OK",
    ]
    assert target.client.cluster("COUNTKEYSINSLOT", slot) == 1
    source.client.execute_command("MIGRATE", "127.0.0.1", target.port, keys.epochs, 0, 1000)  # type: ignore[no-untyped-call]
    assert await broker.ask(Query(("GET", keys.epochs), int)) == 7
    _settle(slot, cluster, target)
    assert await broker.ask_many([Query(("GET", keys.epochs), int), Query(("GET", keys.leader), bytes)]) == [7, b"me"]
    assert (await broker.run(leading.lead(pool, "me", 60_000))).is_ours
    landed: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    assert broker.begin([leading.lead(pool, "me", 60_000)], landed.set_result), "the new master is known by now"
    assert [one.is_ours for one in await landed] == [True]


async def test_a_script_whose_keys_are_at_two_nodes_waits_until_they_are_not(
    cluster: RedisCluster, broker: Broker
) -> None:
    pool, other, _ = _pools(cluster, "split")
    source, target = cluster.master_of(pool), cluster.master_of(other)
    assert source is not None
    assert target is not None
    keys, slot = keys_of(pool), _slot(pool)
    await broker.ask_many([Query(("DEL", keys.leader), int), Query(("RPUSH", keys.wake_up, 1), int)])
    _move(slot, source, target)
    patient = Broker(Endpoint.parse(cluster.url), timeout_s=TIMEOUT_S, patience_s=30)
    try:
        with pytest.raises(BrokerUnavailableError, match=r"TRYAGAIN|rearranged"):
            await broker.run(leading.lead(pool, "me", 60_000))
        leads = asyncio.create_task(patient.run(leading.lead(pool, "me", 60_000)))
        source.client.execute_command("MIGRATE", "127.0.0.1", target.port, keys.wake_up, 0, 1000)  # type: ignore[no-untyped-call]
        _settle(slot, cluster, target)
        assert (await leads).is_ours
    finally:
        await patient.close()


async def test_a_node_that_nobody_listens_at_keeps_nobody_away(cluster: RedisCluster) -> None:
    (host, port), *_ = Endpoint.parse(cluster.url).nodes
    broker = Broker(Endpoint.parse(f"redis+cluster://127.0.0.1:{free_port()},{host}:{port}"), timeout_s=TIMEOUT_S)
    heard: list[Any] = []
    try:
        for pool in _pools(cluster, "first"):
            await broker.run(leading.lead(pool, f"token-{pool}", 60_000))
        link = await broker.subscriber(heard.append)
        link.write([("SUBSCRIBE", "ear")])

        async def is_heard() -> bool:
            cluster.nodes[-1].client.publish("ear", "x")
            return any(message[0] == b"message" for message in heard)

        await until(is_heard)
        link.close()
    finally:
        await broker.close()


async def test_a_dead_master_is_away_and_takes_no_other_with_it(cluster: RedisCluster, broker: Broker) -> None:
    here, there, _ = _pools(cluster, "dead")
    dead = cluster.master_of(there)
    assert dead is not None
    for node in cluster.nodes:
        node.client.config_set("cluster-require-full-coverage", "no")
    await broker.ask_many([Query(("SET", keys_of(pool).epochs, 1), bytes) for pool in (here, there)])
    dead.kill()
    try:
        with pytest.raises(BrokerUnavailableError):
            await broker.ask(Query(("GET", keys_of(there).epochs), int))
        assert await broker.ask(Query(("GET", keys_of(here).epochs), int)) == 1
    finally:
        cluster.restart(dead)
        cluster.wait_whole()

    async def is_back() -> bool:
        try:
            return await broker.ask(Query(("GET", keys_of(there).epochs), int)) == 1
        except BrokerUnavailableError:
            return False

    await until(is_back)


async def test_where_nobody_answers_the_error_is_one_of_lost() -> None:
    cluster = Cluster(Endpoint.parse(f"redis+cluster://127.0.0.1:{free_port()},127.0.0.1:{free_port()}"), 0.5)
    with pytest.raises(LOST):
        await cluster.learn()
    with pytest.raises(LOST):
        await cluster.subscriber(lambda _: None)


async def test_what_is_of_no_pool_has_a_node_as_well(broker: Broker) -> None:
    for period in range(10):
        assert await broker.run(signing.key_of_period(period, b"first", 60_000)) == b"first"
        assert await broker.run(signing.key_of_period(period, b"second", 60_000)) == b"first"
        assert await broker.ask(signing.known_key(period)) == b"first"
    assert await broker.ask(signing.known_key(10)) is None
