"""Running benches one after the other, each in a process of its own: one that fails or hangs costs only its own row."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from bench.harness.catalogue import Bench
from bench.harness.table import Outcome
from tests.harness.processes import ROOT

#: None that works takes longer, on a machine that is fit for it.
LIMIT_S = 1800.0
#: What a bench that is interrupted may take to end what it has started.
_GRACE_S = 90.0


def outcomes(benches: Iterable[Bench], limit_s: float = LIMIT_S) -> Iterator[Outcome]:
    """Run each; what it prints is shown as it comes."""
    for one in benches:
        sys.stdout.write(f"--- {one.name}: {one.shows}\n")
        sys.stdout.flush()
        yield outcome(one, [sys.executable, "-m", one.module], limit_s)


def outcome(one: Bench, command: list[str], limit_s: float) -> Outcome:
    """Run a bench by this command, to its end or its limit."""
    begun_s = time.monotonic()
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    stopping = Stopping(process, limit_s)
    last = ""
    assert process.stdout is not None
    with process.stdout:
        for line in process.stdout:
            sys.stdout.write(line)
            sys.stdout.flush()
            last = line
    status = process.wait()
    stopping.cancel()
    result = None if stopping.is_due else _result(last, status)
    failure = f"no end after {limit_s:.0f} s" if stopping.is_due else f"exit status {status}"
    return Outcome(one, result, failure, time.monotonic() - begun_s)


class Stopping:
    """Interrupts a process at its limit, so that it ends its own processes; kills it if that does not help."""

    def __init__(self, process: subprocess.Popen[str], limit_s: float) -> None:
        self.is_due = False
        self._process = process
        self._timer = threading.Timer(limit_s, self._interrupt)
        self._timer.start()

    def cancel(self) -> None:
        """The process has ended."""
        self._timer.cancel()

    def _interrupt(self) -> None:
        self.is_due = True
        self._process.send_signal(signal.SIGINT)
        self._timer = threading.Timer(_GRACE_S, self._process.kill)
        self._timer.start()


def _result(line: str, status: int) -> Mapping[str, Any] | None:
    """The object that a bench prints last; None where this line is none, or the bench failed after it."""
    try:
        said = json.loads(line)
    except json.JSONDecodeError:
        return None
    is_result = isinstance(said, dict) and "value" in said and said.get("ok") is (status == 0)
    return said if is_result and status in (0, 1) else None
