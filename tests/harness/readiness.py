"""Waiting until a server that was just started can be used."""

from __future__ import annotations

import contextlib
import json
import subprocess
import time
import urllib.request
from http.client import HTTPException
from pathlib import Path

#: vLLM's import alone takes most of a minute where the machine is busy.
START_S = 180.0


def answers_ok(url: str) -> bool:
    """Whether a GET gets a 200 at this moment."""
    with contextlib.suppress(OSError, HTTPException), urllib.request.urlopen(url, timeout=2) as answer:
        return bool(answer.status == 200)
    return False


def serves_all(url: str) -> bool:
    """Whether every pool behind an ingress serves at this moment."""
    with contextlib.suppress(OSError, HTTPException), urllib.request.urlopen(f"{url}/ready", timeout=2) as answer:
        return all(pool["serves"] for pool in json.load(answer)["pools"].values())
    return False


def wait_ready(port: int, process: subprocess.Popen[bytes], log: Path, path: str = "/ready") -> None:
    """Wait until the server answers 200, and on `/ready` that every pool serves.

    Raises RuntimeError with its log if it ends or never does.
    """
    url = f"http://127.0.0.1:{port}"
    until_s = time.monotonic() + START_S
    while process.poll() is None and time.monotonic() < until_s:
        if serves_all(url) if path == "/ready" else answers_ok(f"{url}{path}"):
            return
        time.sleep(0.1)
    raise RuntimeError(tail(log))


def tail(log: Path, characters: int = 4000) -> str:
    """The end of a log; nothing where it is no file that ends."""
    return log.read_text(errors="replace")[-characters:] if log.is_file() else ""
