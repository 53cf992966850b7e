"""The ingress as processes: several on one port, ended by signals."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import pytest

from tests.eventual import until
from tests.harness.processes import free_port
from tests.integration.ingress.fake_worker import FakeWorker
from tests.integration.ingress.serving import CHAT, Serving, begun, following, joined
from tests.waiting import is_alive

CONFIG = """
models: {sim: {pool: sim}}
pools: {sim: {engine: simulated}}
"""


@dataclass
class Ingresses:
    """`penstock ingress` as it is started in earnest."""

    process: subprocess.Popen[bytes]
    port: int

    @property
    def client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=f"http://127.0.0.1:{self.port}", timeout=20)

    @property
    def children(self) -> list[int]:
        return [child.pid for child in psutil.Process(self.process.pid).children()]

    async def answers(self) -> bool:
        assert self.process.poll() is None
        try:
            async with self.client as client:
                return (await client.get("/health")).status_code == 200
        except httpx.TransportError:
            return False

    async def ended(self) -> int:
        return await asyncio.to_thread(self.process.wait, 10)


class Start:
    """Starts processes, and kills what is left of them."""

    def __init__(self, redis_url: str, folder: Path) -> None:
        self._environ = {**os.environ, "PENSTOCK__REDIS__URL": redis_url, "PENSTOCK__REDIS__DATA_DIR": str(folder)}
        self._config = folder / "penstock.yaml"
        self._config.write_text(CONFIG)
        self._started: list[subprocess.Popen[bytes]] = []

    def __call__(self, role: str = "ingress", **settings: object) -> Ingresses:
        port = free_port()
        environ = {f"PENSTOCK__{role.upper()}__{name.upper()}": str(value) for name, value in settings.items()}
        process = subprocess.Popen(
            [sys.executable, "-m", "penstock.cli", role, "--config", str(self._config)],
            env={**self._environ, f"PENSTOCK__{role.upper()}__PORT": str(port), **environ},
        )
        self._started.append(process)
        return Ingresses(process, port)

    def kill_all(self) -> None:
        for process in self._started:
            process.kill()
            process.wait()


@pytest.fixture
def start(redis_url: str, data_dir: Path) -> Iterator[Start]:
    it = Start(redis_url, data_dir)
    yield it
    it.kill_all()


async def test_an_open_stream_ends_in_peace_after_sigterm(start: Start, worker: FakeWorker) -> None:
    ingress = start()
    await until(ingress.answers)
    async with ingress.client as client, begun(client, worker, "a") as (sse, hand):
        ingress.process.terminate()
        await until(lambda: refuses_connections(ingress.port))
        await worker.end(hand, "b")

        assert joined(await sse.rest()) == "b"
    assert await ingress.ended() == 0


async def test_a_stream_that_outlasts_the_grace_can_be_resumed_elsewhere(
    start: Start, worker: FakeWorker, ingress: Serving
) -> None:
    leaving = start(drain_grace_s=0.3)
    await until(leaving.answers)
    async with leaving.client as client, begun(client, worker, "a") as (sse, hand):
        leaving.process.terminate()
        with pytest.raises(httpx.RemoteProtocolError):
            await sse.rest()
    assert await leaving.ended() == 0

    job = (await ingress.client.get(f"/v1/jobs/{hand.held.job}")).json()
    assert (job["state"], job["cancel_requested"]) == ("running", False)
    await worker.end(hand, "b")
    async with following(ingress.client, hand.held.job, "1") as sse:
        assert joined(await sse.rest()) == "b"


async def test_a_whole_answer_that_outlasts_the_grace_is_a_503(start: Start, worker: FakeWorker) -> None:
    leaving = start(drain_grace_s=0.3)
    await until(leaving.answers)
    async with leaving.client as client, asyncio.TaskGroup() as group:
        sending = group.create_task(client.post("/v1/chat/completions", json=CHAT))
        await worker.take()
        leaving.process.terminate()
    response = sending.result()
    assert (response.status_code, response.json()["error"]["code"]) == (503, "service_unavailable")
    assert response.headers["retry-after"] == "1"
    assert await leaving.ended() == 0


async def test_several_processes_share_the_port_and_their_figures(start: Start, worker: FakeWorker) -> None:
    ingress = start(processes=2)
    await until(ingress.answers)
    for _ in range(8):
        async with ingress.client as client, begun(client, worker, "a") as (sse, hand):
            await worker.end(hand)
            await sse.rest()
    async with ingress.client as client:
        figures = (await client.get("/metrics")).text

    assert len(ingress.children) == 2
    assert 'penstock_requests_total{model="sim",status="200"} 8.0' in figures
    ingress.process.terminate()
    assert await ingress.ended() == 0


async def test_a_killed_process_is_replaced(start: Start) -> None:
    ingress = start(processes=2)
    await until(ingress.answers)
    killed = ingress.children[0]
    os.kill(killed, signal.SIGKILL)

    async def is_replaced() -> bool:
        return len(ingress.children) == 2 and killed not in ingress.children

    await until(is_replaced)
    assert await ingress.answers()


async def test_no_process_outlives_its_killed_parent(start: Start) -> None:
    ingress = start(processes=2)
    await until(ingress.answers)
    children = ingress.children
    ingress.process.kill()

    async def are_gone() -> bool:
        return not any(is_alive(child) for child in children)

    await until(are_gone)


async def test_a_port_that_is_taken_is_said_plainly(start: Start) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        ingress = start(port=taken.getsockname()[1])

        assert await ingress.ended() not in (0, -signal.SIGTERM)


async def test_the_tokenizer_service_needs_no_redis(start: Start) -> None:
    service = start("tokenizer")
    await until(service.answers)
    async with service.client as client:
        reply = await client.post("/tokenize", json={"prompt": "Hello"})
        missing = await client.post("/v1/chat/completions", json={})

    assert reply.json()["count"] > 0
    assert missing.status_code == 404


async def refuses_connections(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except ConnectionRefusedError:
        return True
    except ConnectionResetError:  # it was in the queue of a listener that closed just then
        return False
    writer.close()
    return False
