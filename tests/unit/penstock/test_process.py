from __future__ import annotations

import subprocess
import sys
import textwrap
import time
from pathlib import Path

import psutil

DEADLINE_S = 10
CHILD = """
    import os, signal, time
    from penstock.process import die_with_parent
    parent = os.getpid()
    child = os.fork()
    if child == 0:
        {before}
        die_with_parent({arguments})
        print(os.getpid(), flush=True)
    time.sleep(60)
"""


def run(arguments: str, before: str = "pass") -> subprocess.Popen[str]:
    script = textwrap.dedent(CHILD).format(arguments=arguments, before=before)
    return subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, cwd=root())


def root() -> Path:
    return Path(__file__).parents[3]


def test_a_child_goes_with_its_killed_parent() -> None:
    with run("") as parent:
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        parent.kill()
        assert not psutil.wait_procs([child], timeout=DEADLINE_S)[1]


def test_a_child_whose_parent_went_first_ends_at_once() -> None:
    with run("parent_pid=parent", before="os.kill(parent, signal.SIGKILL); time.sleep(0.2)") as parent:
        assert parent.stdout is not None
        began = time.monotonic()
        assert parent.stdout.read() == ""
        assert time.monotonic() - began < DEADLINE_S
