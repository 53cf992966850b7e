"""What compose.yaml would start, started here: the same commands, health checks and ends, without containers."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import openai
import pytest
import redis
import yaml

from penstock.broker.embedded import EmbeddedRedis
from tests.harness.containers import DEPLOY, KEY, MOUNTED, seconds, services
from tests.harness.processes import free_port, launch
from tests.harness.readiness import serves_all
from tests.waiting import eventually

DEADLINE_S = 60.0


@dataclass
class Service:
    """One service of compose.yaml as a process on this machine."""

    name: str
    port: int
    log: Path
    process: subprocess.Popen[bytes]

    def is_healthy(self) -> bool:
        """What its health check says."""
        _, _, url = services()[self.name]["healthcheck"]["test"]
        parts = urlsplit(url)
        here = parts._replace(netloc=f"{parts.hostname}:{self.port}").geturl()
        return healthcheck(here).returncode == 0

    def stop(self) -> int:
        """As Compose stops it: SIGTERM. Raises TimeoutExpired when Compose would lose its patience."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(seconds(services()[self.name]["stop_grace_period"]))


def healthcheck(*urls: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(DEPLOY / "images" / "healthcheck.py"), *urls]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=DEADLINE_S)


@pytest.fixture
def configuration(tmp_path: Path) -> Path:
    """deploy/penstock.yaml on loopback addresses, with an engine that needs no GPU and no model."""
    config = yaml.safe_load((DEPLOY / "penstock.yaml").read_text())
    pool = config["pools"]["chat"]
    config["pools"]["chat"] = {**pool, "engine": "simulated", "model": None, "options": {}}
    config["ingress"]["host"] = config["telemetry"]["metrics_host"] = "127.0.0.1"
    config["storage"]["url"] = str(tmp_path / "files")
    file = tmp_path / "penstock.yaml"
    file.write_text(yaml.safe_dump(config))
    return file


@pytest.fixture
def running(configuration: Path, own_redis: EmbeddedRedis, tmp_path: Path) -> Iterator[dict[str, Service]]:
    """Every role, healthy."""
    ports = {
        "ingress": "PENSTOCK__INGRESS__PORT",
        "scheduler": "PENSTOCK__TELEMETRY__SCHEDULER_METRICS_PORT",
        "background": "PENSTOCK__TELEMETRY__BACKGROUND_METRICS_PORT",
        "worker": "PENSTOCK__TELEMETRY__WORKER_METRICS_PORT",
    }
    with contextlib.ExitStack() as stack:
        started = {}
        for name, variable in ports.items():
            service, port = services()[name], free_port()
            environ = {
                **os.environ,
                **service["environment"],
                "PENSTOCK__REDIS__URL": own_redis.url,
                variable: str(port),
            }
            words = [str(configuration) if word == MOUNTED else word for word in service["command"]]
            log = tmp_path / f"{name}.log"
            process = launch([sys.executable, "-m", "penstock.cli", *words], environ, log, folder=tmp_path)
            stack.callback(process.wait)
            stack.callback(process.kill)
            started[name] = Service(name, port, log, process)
        for one in started.values():
            assert eventually(one.is_healthy, DEADLINE_S), one.log.read_text()
        yield started


def test_the_roles_serve_whoever_has_the_key_and_end_in_the_time_that_they_are_given(
    running: dict[str, Service],
) -> None:
    url = f"http://127.0.0.1:{running['ingress'].port}"
    assert eventually(lambda: serves_all(url), DEADLINE_S)
    question: openai.types.chat.ChatCompletionUserMessageParam = {"role": "user", "content": "Hello"}
    for key in (KEY, "another"):
        with openai.OpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0) as client:
            if key == KEY:
                answer = client.chat.completions.create(model="chat", messages=[question], max_tokens=3)
                assert answer.choices[0].message.content
                assert client.files.content(client.files.create(file=b"{}", purpose="batch").id).read() == b"{}"
            else:
                with pytest.raises(openai.AuthenticationError):
                    client.chat.completions.create(model="chat", messages=[question])

    assert {name: service.stop() for name, service in running.items()} == dict.fromkeys(running, 0)
    assert not [name for name, service in running.items() if service.is_healthy()]


def test_a_health_check_says_what_is_wrong() -> None:
    nobody = f"http://127.0.0.1:{free_port()}/health"
    done = healthcheck(nobody)
    assert done.returncode == 1
    assert done.stderr == f"{nobody}: [Errno 111] Connection refused\n"


@pytest.mark.skipif(shutil.which("redis-server") is None, reason="no redis-server on the PATH")
def test_the_redis_of_compose_starts_as_it_is_told(data_dir: Path) -> None:
    service, port = services()["redis"], free_port()
    command = [*service["command"], "--port", str(port), "--bind", "127.0.0.1", "--dir", str(data_dir)]
    server = launch(command, dict(os.environ), data_dir / "log", folder=data_dir)
    try:
        kind, line = service["healthcheck"]["test"]
        assert kind == "CMD-SHELL"
        asked = line.replace("redis-cli", f"redis-cli -p {port}")

        def is_healthy() -> bool:
            return subprocess.run(["sh", "-c", asked], stderr=subprocess.DEVNULL, check=False).returncode == 0

        assert eventually(is_healthy)
        with redis.Redis(port=port, decode_responses=True) as client:
            told = client.config_get("*")
        assert (told["appendonly"], told["save"], told["maxmemory-policy"]) == ("yes", "", "noeviction")
        assert told["maxmemory"] == str(1 << 30)
    finally:
        server.terminate()
        assert server.wait(seconds(service["stop_grace_period"])) == 0
    assert not is_healthy()
