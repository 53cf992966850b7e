from __future__ import annotations

import contextlib
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path

import psutil
import pytest

from penstock.cli.options import EXIT_OK, EXIT_SETTINGS
from penstock.settings import DEFAULT_FILE
from tests.servers import SERVERS
from tests.waiting import eventually, is_alive

DEADLINE_S = 30.0
COMMAND = [sys.executable, "-m", "penstock.cli", "up", "--config", str(DEFAULT_FILE.with_name("simulated.yaml"))]


@dataclass
class Up:
    process: subprocess.Popen[str]
    port: int
    greeting: str
    log: Path

    @property
    def family(self) -> list[psutil.Process]:
        return list(psutil.Process(self.process.pid).children(recursive=True))

    def child(self, role: str) -> psutil.Process:
        (found,) = [child for child in psutil.Process(self.process.pid).children() if runs(child, role)]
        return found

    def is_ready(self) -> bool:
        with contextlib.closing(HTTPConnection("127.0.0.1", self.port, timeout=2)) as client:
            try:
                client.request("GET", "/ready")
                return client.getresponse().status == 200
            except (OSError, HTTPException):
                return False


def runs(process: psutil.Process, role: str) -> bool:
    try:
        words = process.cmdline()
    except psutil.NoSuchProcess:
        return False
    if not words:  # a zombie
        return False
    return role in words or (role == "redis" and any(name in words[0] for name in ("redis-server", "valkey-server")))


def environment(data_dir: Path) -> dict[str, str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    return {**os.environ, "PENSTOCK__INGRESS__PORT": str(port), "PENSTOCK__REDIS__DATA_DIR": str(data_dir)}


def greeting_of(process: subprocess.Popen[str]) -> str:
    """What is printed up to the blank line after the curl line."""
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if line.strip().startswith("curl"):
            break
    return "".join(lines)


@pytest.fixture
def path(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A PATH with one server and nothing else; the newest, where the test names none."""
    server = SERVERS[getattr(request, "param", list(SERVERS)[-1])]
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / server.path.name).symlink_to(server.path)
    return str(folder)


@pytest.fixture
def up(data_dir: Path, tmp_path: Path, path: str) -> Iterator[Up]:
    environ = {**environment(data_dir), "PATH": path}
    log = tmp_path / "log"
    with (
        log.open("w") as errors,
        subprocess.Popen(COMMAND, env=environ, stdout=subprocess.PIPE, stderr=errors, text=True) as process,
    ):
        yield Up(process, int(environ["PENSTOCK__INGRESS__PORT"]), greeting_of(process), log)
        family = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
        process.kill()
        assert eventually(lambda: not any(is_alive(child.pid) for child in family))


@pytest.mark.parametrize("path", SERVERS, indirect=True)
def test_it_prints_a_curl_line_that_works(up: Up) -> None:
    (line,) = [line for line in up.greeting.splitlines() if line.strip().startswith("curl")]
    answer = subprocess.run([*shlex.split(line), "-s"], capture_output=True, text=True, check=True, timeout=DEADLINE_S)
    assert answer.stdout.startswith("data: {")
    assert answer.stdout.endswith("data: [DONE]\n\n")


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGINT])
def test_one_signal_ends_everything_in_order(up: Up, sig: signal.Signals) -> None:
    family = up.family
    up.process.send_signal(sig)
    assert up.process.wait(DEADLINE_S) == EXIT_OK
    assert not any(is_alive(child.pid) for child in family)


def test_a_signal_that_comes_twice_at_once_is_one(up: Up) -> None:
    up.process.terminate()
    up.process.terminate()
    assert up.process.wait(DEADLINE_S) == EXIT_OK
    assert "worker.draining" in up.log.read_text()


def test_a_second_signal_ends_everything_at_once(up: Up) -> None:
    worker = up.child("worker")
    worker.suspend()
    up.process.terminate()
    time.sleep(1.1)  # two signals within a second count as one
    up.process.terminate()
    assert up.process.wait(DEADLINE_S) == EXIT_OK
    assert not is_alive(worker.pid)


def test_a_sigkill_of_the_supervisor_leaves_no_orphan(up: Up) -> None:
    family = up.family
    assert len(family) >= 5
    up.process.kill()
    assert eventually(lambda: not any(is_alive(child.pid) for child in family))


@pytest.mark.parametrize("role", ["redis", "ingress", "scheduler", "background", "worker"])
def test_whatever_is_killed_comes_back(up: Up, role: str) -> None:
    killed = up.child(role)
    killed.kill()
    assert eventually(lambda: not is_alive(killed.pid))
    assert eventually(
        lambda: any(runs(child, role) and child.pid != killed.pid for child in up.family) and up.is_ready(), DEADLINE_S
    )


def test_a_second_one_on_the_same_folder_is_refused_and_harms_nothing(up: Up, data_dir: Path) -> None:
    second = subprocess.run(
        COMMAND, env=environment(data_dir), capture_output=True, text=True, check=False, timeout=DEADLINE_S
    )
    assert second.returncode == EXIT_SETTINGS
    assert "another Penstock runs on" in second.stderr
    assert up.is_ready()
