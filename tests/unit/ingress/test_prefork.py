"""Processes that share a port, where the system has none left for a while."""

from __future__ import annotations

import errno
import signal
import time
from collections.abc import Iterator

import pytest

from ingress.prefork import PreforkSupervisor
from penstock.process import stop_signals


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    handlers = {sig: signal.getsignal(sig) for sig in stop_signals()}
    yield
    for sig, handler in handlers.items():
        signal.signal(sig, handler)


def sleep() -> None:
    time.sleep(60)


def test_a_fork_that_is_refused_is_tried_again_and_costs_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    supervisor = PreforkSupervisor(2, sleep)
    start, refusals = (
        supervisor._start,
        [OSError(errno.EAGAIN, "none left"), None, OSError(errno.EAGAIN, "none left"), None],
    )

    def reluctant() -> None:
        if refusal := refusals.pop(0):
            raise refusal
        start()
        if not refusals:
            signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr(supervisor, "_start", reluctant)
    supervisor.run()
    assert not refusals
    assert not supervisor._children
