"""A worker's place at its host, where the system has no process left."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from workers.history import History
from workers.host.forked_worker import ForkedWorker
from workers.report import Reporter


def never(_name: str, _history: History, _reporter: Reporter) -> None:
    pytest.fail("no process was made")


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_a_fork_that_is_refused_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> int:
        raise OSError(errno.EAGAIN, "no process left")

    monkeypatch.setattr(os, "fork", refuse)
    worker = ForkedWorker("sim-0", never)
    before = descriptors()
    with pytest.raises(OSError, match="no process left"):
        worker.begin()
    assert descriptors() == before
    assert (worker.pid, worker.due_in_s) == (None, 0.0)
    worker.put_off()
    assert 0.0 < worker.due_in_s <= 1.0
