"""`penstock batch run` as a person starts it, and what is there afterwards."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil

from tests.harness.processes import family
from tests.waiting import eventually, is_alive

#: Whoever runs the tests in the background has Ctrl-C ignored.
_PENSTOCK = ["env", "--default-signal=INT", sys.executable, "-m", "penstock.cli"]
DEADLINE_S = 120.0


@dataclass
class BatchRun:
    """One run with its files; `url` None is for a run with a stack of its own."""

    folder: Path
    words: list[str]
    url: str | None = None
    environ: Mapping[str, str] = field(default_factory=dict)

    @property
    def output(self) -> Path:
        """Where results go."""
        return self.folder / "results.jsonl"

    @property
    def state(self) -> dict[str, Any]:
        """What is written down of the run; nothing where it has not begun."""
        with contextlib.suppress(FileNotFoundError, ValueError):
            found: dict[str, Any] = json.loads(self.output.with_name("results.jsonl.state.json").read_bytes())
            return found
        return {}

    @property
    def results(self) -> list[dict[str, Any]]:
        """The lines of the output, decoded."""
        return [json.loads(line) for line in self.output.read_bytes().splitlines()]

    @property
    def files(self) -> list[str]:
        """What is in the folder besides hidden files."""
        return sorted(path.name for path in self.folder.iterdir())

    def start(self) -> subprocess.Popen[bytes]:
        """Run the command."""
        server = {} if self.url is None else {"PENSTOCK_URL": self.url}
        return subprocess.Popen(
            [*_PENSTOCK, "batch", "run", *self.words, "-o", str(self.output)],
            env={**os.environ, **server, **self.environ},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )

    def ended(self) -> tuple[int, str, str]:
        """Run it to its end: its exit status, its output and its complaints."""
        process = self.start()
        out, err = process.communicate(timeout=DEADLINE_S)
        return process.returncode, out.decode(), err.decode()

    def batch(self, url: str) -> dict[str, Any]:
        """The server's object of it; nothing where there is none yet."""
        with contextlib.suppress(httpx.HTTPError, KeyError):
            # Asked again and again: to read the authorities' certificates each time would slow down what is asked.
            answer = httpx.get(f"{url}/v1/batches/{self.state['batch']}", verify=False)
            if answer.status_code == 200:
                found: dict[str, Any] = answer.json()
                return found
        return {}

    def wait_done(self, url: str, lines: int) -> None:
        """Wait until so many have been answered."""

        def is_there() -> bool:
            return bool(self.batch(url).get("request_counts", {}).get("completed", 0) >= lines)

        assert eventually(is_there, within_s=DEADLINE_S)


def local_url(process: subprocess.Popen[bytes]) -> str:
    """Where the stack of a run listens, once there is one."""
    found: list[str] = []

    def is_there() -> bool:
        found.extend(_ports(process.pid))
        return bool(found)

    assert eventually(is_there, within_s=DEADLINE_S)
    return f"http://127.0.0.1:{found[0]}"


def _ports(pid: int) -> Iterator[str]:
    for process in family(pid):
        with contextlib.suppress(psutil.Error):
            if "up" in process.cmdline():
                yield process.environ()["PENSTOCK__INGRESS__PORT"]


def family_of(process: subprocess.Popen[bytes]) -> list[int]:
    """The process ids of a run and all that it started."""
    return [one.pid for one in family(process.pid)]


def all_gone(pids: list[int]) -> bool:
    """Whether none of them runs any more, in a while."""
    return eventually(lambda: not any(map(is_alive, pids)), within_s=DEADLINE_S)


def told(process: subprocess.Popen[bytes], sig: signal.Signals) -> tuple[int, str]:
    """Send a signal; returns the exit status and the complaints."""
    process.send_signal(sig)
    _, err = process.communicate(timeout=DEADLINE_S)
    return process.returncode, err.decode()
