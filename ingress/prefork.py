"""Several processes that do the same: forked from one parent, replaced when they die, ended together."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from multiprocessing.connection import wait
from multiprocessing.context import ForkProcess
from types import FrameType

from penstock.process import die_with_parent, stop_signals
from penstock.telemetry import events, exposition, logs

#: A process that dies at once, again and again, is not started more often than this.
_RESTART_PAUSE_S = 0.5

log = logs.get()


class PreforkSupervisor:
    """Runs `work` in `size` children until told to stop; call it before any thread or event loop is made."""

    def __init__(self, size: int, work: Callable[[], None]) -> None:
        self._size = size
        self._work = work
        self._children: list[ForkProcess] = []
        self._signals = stop_signals()
        self._is_stopping = False

    def run(self) -> None:
        """Return when all children have ended, having been told to stop."""
        for sig in self._signals:
            signal.signal(sig, self._stop)
        while self._children or not self._is_stopping:
            self._fill()
            is_whole = self._is_stopping or len(self._children) == self._size
            wait([child.sentinel for child in self._children], timeout=None if is_whole else _RESTART_PAUSE_S)
            for child in [one for one in self._children if not one.is_alive()]:
                self._bury(child)

    def _fill(self) -> None:
        while len(self._children) < self._size and not self._is_stopping:
            try:
                self._start()
            except OSError as error:
                # No process or memory is left: the others serve on.
                log.warning(events.CHILD_NOT_STARTED, why=str(error))
                return

    def _start(self) -> None:
        child = multiprocessing.get_context("fork").Process(target=self._be_child, args=(os.getpid(),))
        # A signal in between would find no child to be passed on to, or a child that takes it for its parent's.
        signal.pthread_sigmask(signal.SIG_BLOCK, self._signals)
        try:
            if not self._is_stopping:
                child.start()
                self._children.append(child)
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, self._signals)

    def _be_child(self, parent_pid: int) -> None:
        for sig in self._signals:
            signal.signal(sig, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, self._signals)
        die_with_parent(parent_pid=parent_pid)
        self._work()

    def _bury(self, child: ForkProcess) -> None:
        self._children.remove(child)
        child.join()
        if child.pid is not None and exposition.MULTIPROCESS_DIR in os.environ:
            exposition.forget_process(child.pid)
        if not self._is_stopping:
            log.warning(events.CHILD_ENDED, pid=child.pid, exit_code=child.exitcode)
            time.sleep(_RESTART_PAUSE_S)

    def _stop(self, sig: int, _: FrameType | None) -> None:
        self._is_stopping = True
        for child in self._children:
            if child.pid is not None:
                os.kill(child.pid, sig)
