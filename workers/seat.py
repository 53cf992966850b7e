"""One worker's place at its host: a process, then the next one when it ends."""

from __future__ import annotations

import os
import signal
import sys
import time
import traceback
from collections.abc import Callable

from penstock.process import die_with_parent
from workers.history import Cause, Ended, History
from workers.report import Reporter, Story

#: A process that ends as soon as it begins may not take a whole core with it.
_SHORTEST_PAUSE_S = 0.1

#: What the process does; returns its exit status.
Body = Callable[[str, History, Reporter], int]


class Seat:
    """Forks; so use it from the main thread of a process without event loop or threads."""

    def __init__(self, name: str, body: Body) -> None:
        self.name = name
        self.history = History()
        self.pid: int | None = None
        self._body = body
        self._story: Story | None = None
        self._due_s = 0.0

    @property
    def instance(self) -> str:
        """The instance that the process, or the last one, registered."""
        return "" if self._story is None else self._story.instance

    @property
    def due_in_s(self) -> float:
        """How long until a process may begin; meaningful while there is none."""
        return max(self._due_s - time.monotonic(), 0.0)

    def begin(self) -> None:
        """Fork the next process."""
        ours, theirs = os.pipe()
        host = os.getpid()
        sys.stdout.flush()
        sys.stderr.flush()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(ours)
            self._live(host, Reporter(theirs))
        os.close(theirs)
        self._story = Story(ours)

    def listen(self) -> None:
        """Take in what the process has to say."""
        if self._story is not None and self.pid is not None:
            self._story.read()

    def ended(self, status: int) -> Ended:
        """The process is gone; `status` as os.waitpid gives it."""
        self.pid = None
        self._due_s = time.monotonic() + _SHORTEST_PAUSE_S
        if self._story is None:
            return Ended(cause=Cause.CRASH, why="", served_s=0.0)
        ended = self._story.end(os.waitstatus_to_exitcode(status))
        self.history = self.history.after(ended)
        return ended

    def signal(self, sig: signal.Signals) -> None:
        """Send the process a signal, if there is one."""
        if self.pid is not None:
            os.kill(self.pid, sig)

    def _live(self, host: int, reporter: Reporter) -> None:
        """The child's whole life; never returns into the host's code."""
        status = 1
        try:
            die_with_parent(parent_pid=host)
            # A Ctrl-C in the terminal is the host's to pass on, and no engine process of ours sees it.
            os.setsid()
            status = self._body(self.name, self.history, reporter)
        except BaseException:  # noqa: BLE001 - whatever it is, the process ends here
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)
