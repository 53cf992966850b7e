"""One run: a stack behind proxies, a crowd of clients, storms and quiet, and the verdict."""

from __future__ import annotations

import asyncio
import enum
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from penstock.broker.keys import PoolKeys
from penstock.job import Job
from tests.chaos.accounts import miscounts
from tests.chaos.clients import Crowd
from tests.chaos.deployment import TICK_S, Deployment
from tests.chaos.faults import Faults
from tests.chaos.history import History
from tests.chaos.hostile import MARK, Mob
from tests.chaos.judge import Verdict, Violation, Wrong, judge
from tests.chaos.ledger import Ledger
from tests.chaos.network import Network
from tests.chaos.orders import OrderBook
from tests.chaos.outages import Outage, recoveries
from tests.chaos.probes import Probes
from tests.chaos.processes import Processes
from tests.chaos.replicated import Replicated
from tests.chaos.report import Report
from tests.chaos.single import Single
from tests.chaos.tidiness import leftovers
from tests.chaos.wire import Wire
from tests.harness.redis_cluster import RedisCluster
from tests.harness.redis_node import RedisNode
from tests.harness.redis_sentinel import RedisSentinel
from tests.harness.stack import Stack
from tests.servers import SERVERS
from tests.waiting import eventually

ENGINE: dict[str, Any] = {"prefill_ms_base": 3.0, "prefill_us_per_token": 20.0, "itl_ms": 12.0}
POOL: dict[str, Any] = {
    "slots": 16,
    "drain_grace_s": 1.5,
    "queue_timeout_s": 300.0,
    # Short, so that whoever is frozen is often declared lost.
    "lease_ttl_s": 1.5,
    "worker_stall_s": 2.0,
    # Only a poison job would lose as many by its own doing.
    "max_losses": 1000,
    "options": ENGINE,
}
#: In a cluster they have different masters.
POOLS = ("sim", "side")
CLIENTS = 14
STORM_S = 9.0
QUIET_S = 4.0
#: How long clients get to finish when the storm is over for good.
SETTLE_S = 60.0
#: Once a server is back, every pool serves again within this time; and where processes die as well, within that.
RECOVERY_S = 5.0
STORM_RECOVERY_S = 20.0


class Form(enum.StrEnum):
    """How Redis is deployed."""

    SINGLE = "single"
    SENTINEL = "sentinel"
    CLUSTER = "cluster"


@dataclass
class Scene:
    """Everybody who takes part."""

    stack: Stack
    deployment: Deployment
    faults: Faults
    processes: Processes
    crowd: Crowd
    probes: Probes
    mob: Mob


async def run(form: Form, seed: int, seconds: float, folder: Path) -> Report:
    """Torment a stack for so long; its files lie in `folder`."""
    history = History()
    deployment = _deployment(form, seed, folder, history)
    await deployment.start()
    # arq knows no Cluster; nothing here is delivered by it.
    tasks = RedisNode("tasks", next(iter(SERVERS.values())), folder)
    tasks.configure({})
    tasks.start()
    stack = Stack(
        folder,
        POOL,
        ingresses=2,
        schedulers=2,
        backgrounds=2,
        workers=(2, 1),
        pools=POOLS,
        servers=deployment.servers,
        redis_url=deployment.url,
        ingress={"drain_grace_s": 2.0},
        background={"redis_url": f"redis://127.0.0.1:{tasks.port}/0"},
    )
    began_s = time.monotonic()
    wire, ledger = Wire(), Ledger()
    scene = _scene(seed, stack, deployment, history, wire, ledger)
    try:
        for program in stack.programs:
            program.start()
        await asyncio.to_thread(stack.wait_ready)
        await _torment(seconds, scene)
        verdict = await asyncio.to_thread(_verdict, scene, ledger)
    finally:
        await wire.close()
        # In a thread, for whoever says goodbye says it through the proxies.
        await asyncio.to_thread(stack.stop)
        await deployment.stop()
        tasks.kill()
    took_s = time.monotonic() - began_s
    return Report(form, seed, took_s, ledger, history, deployment.outages, scene.probes, scene.mob, verdict, began_s)


def _deployment(form: Form, seed: int, folder: Path, history: History) -> Deployment:
    binary = Random(f"{seed}/server").choice(list(SERVERS.values()))
    random = Random(f"{seed}/redis")
    match form:
        case Form.SINGLE:
            return Single(folder, binary, POOLS, random, history)
        case Form.SENTINEL:
            return Replicated(RedisSentinel(folder, binary), POOLS, random, history)
        case Form.CLUSTER:
            return Replicated(RedisCluster(folder, binary), POOLS, random, history)


def _scene(seed: int, stack: Stack, deployment: Deployment, history: History, wire: Wire, ledger: Ledger) -> Scene:
    book = OrderBook(seed, ENGINE, POOLS)
    processes = Processes(stack, Random(f"{seed}/processes"), history)
    network = Network(deployment.proxies, Random(f"{seed}/network"), history)
    return Scene(
        stack=stack,
        deployment=deployment,
        faults=Faults([processes, network, deployment], Random(f"{seed}/faults"), history),
        processes=processes,
        crowd=Crowd(seed, book, ledger, wire, stack.urls),
        probes=Probes(book, ledger, wire, stack.urls, Random(f"{seed}/probes")),
        mob=Mob(Random(f"{seed}/hostile"), stack.urls, POOLS),
    )


async def _torment(seconds: float, scene: Scene) -> None:
    clients = [asyncio.create_task(scene.crowd.keep_coming()) for _ in range(CLIENTS)]
    others = [
        asyncio.create_task(endless)
        for endless in (scene.processes.keep_running(), scene.mob.keep_coming(), scene.probes.keep_asking(POOLS))
    ]
    try:
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            await scene.faults.rage(min(STORM_S, left))
            await asyncio.sleep(QUIET_S)
            await scene.deployment.fail(is_calm=True)
            await _recovered(scene)
        scene.crowd.is_open = False
        await asyncio.wait(clients, timeout=SETTLE_S)
        for other in others[1:]:
            other.cancel()
        await scene.probes.finish()
        await asyncio.to_thread(_wait_idle, scene)
    finally:
        for task in (*others, *clients):
            task.cancel()
        await asyncio.gather(*others, *clients, return_exceptions=True)


async def _recovered(scene: Scene) -> None:
    """Wait until every pool serves again, as long as that may take."""
    until = time.monotonic() + RECOVERY_S
    while time.monotonic() < until and any(math.isinf(took_s) for _, _, took_s in _recoveries(scene)):
        await asyncio.sleep(TICK_S)


def _recoveries(scene: Scene) -> list[tuple[Outage, str, float]]:
    return recoveries(scene.deployment.outages, scene.probes.served_s)


def _wait_idle(scene: Scene) -> None:
    """Wait until no job lives any more and everything is tidy, if ever."""
    eventually(lambda: not list(_leftovers(scene)), SETTLE_S)


def _leftovers(scene: Scene) -> Iterator[str]:
    for pool in POOLS:
        yield from leftovers(scene.deployment.client_of(pool), PoolKeys(pool))


def _miscounts(scene: Scene) -> Iterator[str]:
    for pool in POOLS:
        yield from miscounts(scene.deployment.client_of(pool), PoolKeys(pool))


def _verdict(scene: Scene, ledger: Ledger) -> Verdict:
    verdict = judge(ledger, _jobs(scene), scene.deployment.outages)
    verdict.violations += [Violation(Wrong.LEFT, key) for key in _leftovers(scene)]
    verdict.violations += [Violation(Wrong.CHANGED, f"hostile: {success}") for success in scene.mob.successes]
    verdict.violations += [Violation(Wrong.MISCOUNTED, what) for what in _miscounts(scene)]
    verdict.violations += _stuck(scene)
    verdict.violations += _crashes(scene.stack)
    return verdict


def _stuck(scene: Scene) -> Iterator[Violation]:
    for outage, pool, took_s in _recoveries(scene):
        if took_s > (RECOVERY_S if outage.is_calm else STORM_RECOVERY_S):
            yield Violation(Wrong.STUCK, f"{pool} served again {took_s:.1f} s after its server")


def _crashes(stack: Stack) -> Iterator[Violation]:
    for program in stack.programs:
        count = program.log.read_text().count("Traceback")
        if count:
            yield Violation(Wrong.CRASHED, f"{program.log} holds {count} tracebacks")


def _jobs(scene: Scene) -> Iterator[Job]:
    """Every record that is not of a hostile client."""
    for pool in POOLS:
        client: Any = scene.deployment.client_of(pool)
        root = PoolKeys(pool).job("")
        for key in list(client.scan_iter(match=f"{root}*", count=1000)):
            job = Job.from_record(key.decode().removeprefix(root), client.hgetall(key))
            if MARK not in job.body:
                yield job
