"""Ties every process that vLLM forks to the life of the process that forked it."""

from __future__ import annotations

import functools
import os
import signal

from penstock.process import die_with_parent


class _Forks:
    """Remembers who forks, so that the child can tell whether that process still lives."""

    def __init__(self) -> None:
        self.parent_pid = os.getpid()

    def before(self) -> None:
        self.parent_pid = os.getpid()

    def in_child(self) -> None:
        # The event loop's wake-up pipe is shared over a fork: a SIGTERM to the child would reach the parent's handlers.
        signal.set_wakeup_fd(-1)
        # A mask is inherited too, and EngineCore is asked to end by SIGTERM.
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        die_with_parent(parent_pid=self.parent_pid)


@functools.cache
def bind_children() -> None:
    """From now on, no child forked by this process, or by its children, outlives its parent. Done once."""
    forks = _Forks()
    os.register_at_fork(before=forks.before, after_in_child=forks.in_child)
