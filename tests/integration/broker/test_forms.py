"""Every form of Redis URL, on a server of that form: a job passes through it and its listener hears."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import redis

from penstock.broker import holding
from penstock.broker.connections import Endpoint
from penstock.broker.embedded import ServerBinary
from penstock.broker.subscription import Subscription
from penstock.errors import BrokerUnavailableError
from penstock.frames import Delta, encode_frame
from penstock.job import State
from tests.eventual import until
from tests.harness.processes import free_port
from tests.integration.broker.pool import POOL, Pool
from tests.integration.open_broker import OpenBroker
from tests.redis_client import client_of
from tests.servers import SERVERS, knows_tls
from tests.waiting import eventually

_WITH_TLS = [name for name, binary in SERVERS.items() if knows_tls(binary)]
_NONE_WITH_TLS = pytest.param(
    "",
    marks=pytest.mark.skip(
        f"built without TLS: {', '.join(map(str, SERVERS.values()))}; install redis-server with TLS"
    ),
)


@contextmanager
def _serving(binary: ServerBinary, folder: Path, config: str = "", *words: str, **client: Any) -> Iterator[redis.Redis]:
    """A server of its own; PORT in its configuration is where it is reached."""
    port = free_port()
    file = folder / f"{port}.conf"
    config = config.replace("PORT", str(port)) or f"port {port}"
    file.write_text(f"dir {folder}\nbind 127.0.0.1\n{config}\n")
    process = subprocess.Popen([str(binary.path), str(file), *words], stdout=subprocess.DEVNULL)
    try:
        with redis.Redis(**{"host": "127.0.0.1", "port": port, **client}) as control:
            assert eventually(lambda: _answers(control))
            yield control
    finally:
        process.kill()
        process.wait()


def _answers(control: redis.Redis) -> bool:
    try:
        return bool(control.ping())
    except redis.ConnectionError:
        return False


def _port_of(control: redis.Redis) -> int:
    return int(control.connection_pool.connection_kwargs["port"])


def _certificate(folder: Path) -> tuple[Path, Path]:
    """A key for localhost and the certificate that it signed itself."""
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    request = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    subprocess.run([*request, "-keyout", key, "-out", certificate, *subject], check=True, capture_output=True)
    return key, certificate


async def _passes_a_job(url: str, plain: str = "") -> None:
    """`plain` leads to the same server, for what the test looks at."""
    broker = OpenBroker(Endpoint.parse(url), timeout_s=2.0)
    client = client_of(Endpoint.parse(plain or url))
    heard: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
    connected = asyncio.Event()
    listening = asyncio.create_task(
        Subscription(broker, "ear", deliver=heard.set_result, connected=connected.set).run()
    )
    try:
        pool = Pool(broker)
        pool.redis = client
        assert await pool.lead()
        await pool.register("w.1")
        held = await pool.running("w.1")
        async with asyncio.timeout(5):
            await connected.wait()
            frame = encode_frame("w.1", [Delta(held.job, held.fence, 0, [1], ["one"])])
            await broker.run(holding.emit(POOL, "w.1", "", [frame], [("ear", 0)]))
            assert await heard == frame
        assert await pool.finish("w.1", held) == "finished"
        assert await pool.state(held.job) is State.COMPLETED
    finally:
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
        await client.aclose()
        await broker.close()


@pytest.mark.parametrize("name", SERVERS)
async def test_a_password_a_user_and_a_database(name: str, tmp_path: Path) -> None:
    with _serving(SERVERS[name], tmp_path, db=3) as control:
        port = _port_of(control)
        control.acl_setuser("me", enabled=True, passwords="+se@cret", keys="*", channels="*", commands=["+@all"])
        control.config_set("requirepass", "other")
        await _passes_a_job(f"redis://me:se%40cret@127.0.0.1:{port}/3")
        assert control.dbsize()
        await _passes_a_job(f"redis://:other@127.0.0.1:{port}")
        with pytest.raises(BrokerUnavailableError, match="invalid username-password"):
            await _passes_a_job(f"redis://me:wrong@127.0.0.1:{port}")


@pytest.mark.parametrize("name", _WITH_TLS or [_NONE_WITH_TLS])
async def test_tls_with_a_certificate_that_is_trusted(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, certificate = _certificate(tmp_path)
    config = f"port 0\ntls-port PORT\ntls-auth-clients no\ntls-cert-file {certificate}\ntls-key-file {key}"
    trusting = {"host": "localhost", "ssl": True, "ssl_ca_certs": str(certificate)}
    with _serving(SERVERS[name], tmp_path, config, **trusting) as control:
        url = f"rediss://localhost:{_port_of(control)}"
        with pytest.raises(BrokerUnavailableError, match="certificate verify failed"):
            await _passes_a_job(url)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        await _passes_a_job(url)


@pytest.mark.parametrize("name", SERVERS)
async def test_a_master_that_sentinel_names(name: str, tmp_path: Path) -> None:
    with _serving(SERVERS[name], tmp_path) as master:
        config = f"port PORT\nsentinel monitor main 127.0.0.1 {_port_of(master)} 1"
        with _serving(SERVERS[name], tmp_path, config, "--sentinel") as sentinel:
            nowhere = f"127.0.0.1:{free_port()}"
            plain = f"redis://127.0.0.1:{_port_of(master)}"
            await _passes_a_job(f"redis+sentinel://{nowhere},127.0.0.1:{_port_of(sentinel)}/main", plain)
            with pytest.raises(BrokerUnavailableError, match="knows no master 'other'"):
                await _passes_a_job(f"redis+sentinel://127.0.0.1:{_port_of(sentinel)}/other", plain)


@pytest.mark.parametrize("name", SERVERS)
async def test_a_cluster(name: str, tmp_path: Path) -> None:
    with _serving(SERVERS[name], tmp_path, "port PORT\ncluster-enabled yes") as node:
        node.cluster("ADDSLOTS", *range(16384))

        async def is_up() -> bool:
            info: Any = node.cluster("INFO")
            return bool(info["cluster_state"] == "ok")

        await until(is_up)
        address = f"127.0.0.1:{_port_of(node)}"
        await _passes_a_job(f"redis+cluster://{address}", f"redis://{address}")
