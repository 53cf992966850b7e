from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from penstock.cli.child import Child
from penstock.cli.options import EXIT_SETTINGS
from penstock.process import die_with_parent
from tests.waiting import eventually, is_alive

DEADLINE_S = 10.0
SAYS_ITS_PID = "import os, sys; open(sys.argv[1], 'a').write(f'{os.getpid()}\\n'); "


@pytest.fixture
def pids(tmp_path: Path) -> Callable[[], list[int]]:
    file = tmp_path / "pids"
    file.touch()
    return lambda: [int(line) for line in file.read_text().splitlines()]


@pytest.fixture
async def child_of(tmp_path: Path) -> AsyncIterator[Callable[[str], Child]]:
    made: list[Child] = []

    def make(program: str) -> Child:
        command = [sys.executable, "-c", SAYS_ITS_PID + program, str(tmp_path / "pids")]
        made.append(Child("test", lambda: subprocess.Popen(command)))
        return made[-1]

    yield make
    for child in made:
        await child.stop(grace_s=0.0)


async def started(pids: Callable[[], list[int]], times: int) -> int:
    """Wait until the program was started so many times; returns the last one's pid."""
    async with asyncio.timeout(DEADLINE_S):
        while len(pids()) < times:
            await asyncio.sleep(0.02)
    return pids()[-1]


async def test_a_program_that_is_killed_starts_again(
    child_of: Callable[[str], Child], pids: Callable[[], list[int]]
) -> None:
    child_of("import time; time.sleep(60)").start()
    first = await started(pids, 1)
    os.kill(first, signal.SIGKILL)
    second = await started(pids, 2)
    assert is_alive(second)
    assert not is_alive(first)


async def test_a_program_with_wrong_settings_does_not(
    child_of: Callable[[str], Child], pids: Callable[[], list[int]]
) -> None:
    life = child_of(f"sys.exit({EXIT_SETTINGS})").start()
    assert await asyncio.wait_for(life, DEADLINE_S) == EXIT_SETTINGS
    assert len(pids()) == 1


async def test_a_system_without_room_for_a_process_is_asked_again(
    child_of: Callable[[str], Child], pids: Callable[[], list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    child = child_of("import time; time.sleep(60)")
    spawn, refusals = child._spawn, [BlockingIOError(), OSError()]

    def reluctant() -> subprocess.Popen[bytes]:
        if refusals:
            raise refusals.pop()
        return spawn()

    monkeypatch.setattr(child, "_spawn", reluctant)
    child.start()
    assert is_alive(await started(pids, 1))


async def test_a_program_that_was_stopped_stays_ended(
    child_of: Callable[[str], Child], pids: Callable[[], list[int]]
) -> None:
    child = child_of("import time; time.sleep(60)")
    life = child.start()
    pid = await started(pids, 1)
    await child.stop(grace_s=DEADLINE_S)
    assert life.result() == -signal.SIGTERM
    assert not is_alive(pid)


async def test_a_program_that_ignores_sigterm_is_killed_after_its_grace(
    child_of: Callable[[str], Child], tmp_path: Path, pids: Callable[[], list[int]]
) -> None:
    ready = tmp_path / "ready"
    child = child_of(
        f"import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN)\nopen({str(ready)!r}, 'w'); time.sleep(60)"
    )
    life = child.start()
    await started(pids, 1)
    assert await asyncio.to_thread(eventually, ready.exists)
    await child.stop(grace_s=0.1)
    assert life.result() == -signal.SIGKILL


async def test_stopping_a_program_that_waits_for_its_restart_ends_it(
    child_of: Callable[[str], Child], pids: Callable[[], list[int]]
) -> None:
    child = child_of("sys.exit(1)")
    life = child.start()
    await started(pids, 1)
    await asyncio.wait_for(child.stop(grace_s=DEADLINE_S), DEADLINE_S)
    assert life.done()


async def test_a_child_dies_with_the_process_that_started_it(tmp_path: Path) -> None:
    program = (
        "import subprocess, sys, os, time; from penstock.cli.child import spawn_penstock\n"
        "sys.executable = sys.argv[1]; print(spawn_penstock().pid, flush=True); time.sleep(60)"
    )
    sleeper = tmp_path / "sleeper"
    sleeper.write_text("#!/bin/sh\nexec sleep 60\n")
    sleeper.chmod(0o755)
    with subprocess.Popen([sys.executable, "-c", program, sleeper], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert is_alive(pid)
        parent.kill()
    assert await asyncio.to_thread(eventually, lambda: not is_alive(pid))


def test_a_child_whose_parent_is_gone_already_ends_at_once() -> None:
    pid = os.fork()
    if pid == 0:
        die_with_parent(signal.SIGKILL, parent_pid=1)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL
