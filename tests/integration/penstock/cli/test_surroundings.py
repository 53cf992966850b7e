"""What a shell, a terminal or a service manager may hand to a program: closed descriptors, hang-ups."""

from __future__ import annotations

import itertools
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import psutil
import pytest

from penstock.broker.embedded import EmbeddedRedis
from penstock.cli.options import EXIT_OK, EXIT_SETTINGS
from penstock.settings import DEFAULT_FILE, RedisSettings
from tests.harness.processes import free_port, launch
from tests.harness.readiness import answers_ok
from tests.waiting import eventually, is_alive

DEADLINE_S = 60.0
PENSTOCK = [sys.executable, "-m", "penstock.cli"]
CONFIG = ["--config", str(DEFAULT_FILE.with_name("simulated.yaml"))]
STANDARD = (0, 1, 2)
CLOSED = [some for count in STANDARD for some in itertools.combinations(STANDARD, count + 1)]
#: Whoever runs the tests may ignore them.
HEARS_HANGUPS = ["env", "--default-signal=HUP"]

#: Says which number the next file gets, and where the standard descriptors lead.
LOOKS = """
import os, sys
from penstock.cli import standard_streams
standard_streams.open_missing()
standard_streams.forgive_errors()
standard_streams.forgive_output()
print("a line")
print("a line", file=sys.stderr)
with open(sys.argv[1], "w") as file:
    print(file.fileno(), *(os.readlink(f"/proc/self/fd/{number}") for number in range(3)), sep="\\n", file=file)
"""

ROLES: list[tuple[str, dict[str, str]]] = [
    ("up", {}),
    ("ingress", {}),
    ("ingress", {"PENSTOCK__INGRESS__PROCESSES": "2"}),
    ("scheduler", {}),
    ("background", {}),
    ("worker", {}),
    ("tokenizer", {}),
]
#: What a role without an address says once it is at work.
SAYS = {
    "up": "worker.registered",
    "worker": "worker.registered",
    "scheduler": "leadership.taken",
    "background": "ledger.taken",
}


def without(*descriptors: int) -> list[str]:
    """Has a shell run the command that follows, with these descriptors closed."""
    redirections = " ".join(f"{descriptor}>&-" for descriptor in descriptors)
    return ["sh", "-c", f'exec "$@" {redirections}', "sh"]


class Served:
    """A command that was started by way of another (a shell, nohup), and where it answers."""

    def __init__(self, role: str, environ: dict[str, str], way: list[str], log: Path) -> None:
        port = free_port()
        ports = {"PENSTOCK__INGRESS__PORT": str(port), "PENSTOCK__TOKENIZER__PORT": str(port)}
        self.role = role
        self.log = log
        self.url = f"http://127.0.0.1:{port}/health"
        self.process = launch([*way, *PENSTOCK, role, *CONFIG], {**os.environ, **ports, **environ}, log)

    @property
    def family(self) -> list[psutil.Process]:
        if self.process.poll() is not None:
            return []
        top = psutil.Process(self.process.pid)
        return [top, *top.children(recursive=True)]

    def is_at_work(self) -> bool:
        return SAYS[self.role] in self.log.read_text() if self.role in SAYS else answers_ok(self.url)


@pytest.fixture
def serve(data_dir: Path, tmp_path: Path) -> Iterator[Callable[..., Served]]:
    """Start a role that finds a Redis, and wait until it is at work."""
    started: list[Served] = []
    redis = EmbeddedRedis(RedisSettings(data_dir=data_dir))

    def start(role: str, environ: dict[str, str], way: list[str]) -> Served:
        if role != "up":
            redis.start()
        environ = {"PENSTOCK__REDIS__DATA_DIR": str(data_dir), **environ}
        started.append(served := Served(role, environ, way, tmp_path / "log"))
        assert eventually(served.is_at_work, DEADLINE_S), served.log.read_text()
        return served

    yield start
    for served in started:
        family = served.family
        served.process.kill()
        served.process.wait()
        assert eventually(partial(are_gone, family))
    redis.stop()


def are_gone(processes: list[psutil.Process]) -> bool:
    return not any(is_alive(process.pid) for process in processes)


@pytest.mark.parametrize("closed", CLOSED)
def test_no_file_takes_the_place_of_a_descriptor_that_was_closed(closed: tuple[int, ...], tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    subprocess.run([*without(*closed), sys.executable, "-c", LOOKS, seen], check=True, timeout=DEADLINE_S)
    number, *leads = seen.read_text().splitlines()
    assert int(number) > 2
    assert {leads[descriptor] for descriptor in closed} == {os.devnull}


@pytest.mark.parametrize("closed", CLOSED)
def test_a_wrong_start_has_its_exit_status_all_the_same(closed: tuple[int, ...]) -> None:
    command = [*without(*closed), *PENSTOCK, "config", "check", "--config", "/nowhere"]
    assert subprocess.run(command, stderr=subprocess.DEVNULL, check=False).returncode == EXIT_SETTINGS


def test_a_wrong_start_whose_sentence_nobody_can_take_has_it_too() -> None:
    with Path("/dev/full").open("wb") as full:
        wrong = subprocess.run([*PENSTOCK, "up", "--config", "/nowhere"], stderr=full, check=False)
    assert wrong.returncode == EXIT_SETTINGS


@pytest.mark.parametrize("closed", [(1,), (2,), STANDARD])
def test_up_serves_and_ends_without_them(closed: tuple[int, ...], data_dir: Path, tmp_path: Path) -> None:
    environ = {"PENSTOCK__REDIS__DATA_DIR": str(data_dir)}
    up = Served("up", environ, without(*closed), tmp_path / "log")
    assert eventually(lambda: answers_ok(up.url), DEADLINE_S)
    family = up.family
    up.process.terminate()
    assert up.process.wait(DEADLINE_S) == EXIT_OK
    assert are_gone(family)


@pytest.mark.parametrize(("role", "environ"), ROLES)
def test_a_hangup_ends_it_in_order(serve: Callable[..., Served], role: str, environ: dict[str, str]) -> None:
    served = serve(role, environ, HEARS_HANGUPS)
    family = served.family
    served.process.send_signal(signal.SIGHUP)
    assert served.process.wait(DEADLINE_S) == EXIT_OK
    assert are_gone(family)
    if role in ("up", "worker"):
        assert "worker.draining" in served.log.read_text()


@pytest.mark.parametrize(("role", "environ"), ROLES)
def test_a_hangup_is_nothing_to_what_was_started_to_outlive_it(
    serve: Callable[..., Served], role: str, environ: dict[str, str]
) -> None:
    served = serve(role, environ, ["nohup"])
    assert all(signal.SIGHUP in ignored_by(process) for process in served.family)
    served.process.terminate()
    assert served.process.wait(DEADLINE_S) == EXIT_OK


def ignored_by(process: psutil.Process) -> set[int]:
    (mask,) = re.findall(r"SigIgn:\s*(\w+)", Path(f"/proc/{process.pid}/status").read_text())
    return {number for number in range(1, 65) if int(mask, 16) >> (number - 1) & 1}
