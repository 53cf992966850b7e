"""`make up` as the README has it, and Ctrl-C."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import tempfile
from functools import partial
from pathlib import Path

import pytest

from penstock.process import die_with_parent
from tests.harness.processes import ROOT, family, free_port
from tests.harness.readiness import wait_ready
from tests.waiting import eventually, is_alive

pytestmark = pytest.mark.skipif(
    not (ROOT / ".venv" / "stamps" / "vllm").exists(), reason="not started by make, which would have to install first"
)

#: So that the make above us, if there is one, does not speak into it.
ENVIRON = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS", "PENSTOCK"))}


@pytest.mark.parametrize(("words", "model"), [((), "demo"), (("CONFIG=examples/simulated.yaml",), "sim")])
def test_make_up_prints_a_curl_line_that_works_and_ends_at_ctrl_c(words: tuple[str, ...], model: str) -> None:
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="penstock-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        log = folder / "log"
        with log.open("wb") as out:
            make = subprocess.Popen(
                ["make", "up", f"PORT={port}", f"DATA={folder / 'data'}", *words],
                cwd=ROOT,
                env=ENVIRON,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=partial(die_with_parent, parent_pid=os.getpid()),  # noqa: PLW1509 - one system call, no lock
            )
        try:
            wait_ready(port, make, log)
            assert eventually(lambda: "curl" in log.read_text())
            (line,) = [line for line in log.read_text().splitlines() if line.strip().startswith("curl")]
            said = subprocess.run([*shlex.split(line), "-s"], capture_output=True, text=True, check=True, timeout=30)
            processes = [process.pid for process in family(make.pid)]
        finally:
            os.killpg(make.pid, signal.SIGINT)
            make.wait(60)

        assert f"http://127.0.0.1:{port} (models: {model})" in log.read_text()
        assert said.stdout.startswith("data: {")
        assert said.stdout.endswith("data: [DONE]\n\n")
        assert (folder / "data").is_dir()
        assert not [pid for pid in processes if is_alive(pid)]
