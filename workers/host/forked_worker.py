"""One worker's place at its host: a process, then the next one when it ends."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import replace

from penstock.errors import PenstockError
from penstock.process import die_with_parent
from penstock.telemetry import events, logs
from workers.history import Cause, Ended, History
from workers.report import ProcessReport, Reporter

#: A process that ends as soon as it begins may not take a whole core with it.
_SHORTEST_PAUSE_S = 0.1
#: How long a system without room for another process is left alone.
_LONGER_PAUSE_S = 1.0

#: What the process does until it ends in order.
Body = Callable[[str, History, Reporter], None]

log = logs.get()


class ForkedWorker:
    """Forks; so use it from the main thread of a process without event loop or threads."""

    def __init__(self, name: str, body: Body) -> None:
        self.name = name
        self.history = History()
        self.pid: int | None = None
        self._body = body
        self._report: ProcessReport | None = None
        #: What the process was told.
        self._told = self.history
        self._began_s = 0.0
        self._due_s = 0.0

    @property
    def instance(self) -> str:
        """The instance that the process, or the last one, registered."""
        return "" if self._report is None else self._report.instance

    @property
    def due_in_s(self) -> float:
        """How long until a process may begin; meaningful while there is none."""
        return max(self._due_s - time.monotonic(), 0.0)

    def put_off(self) -> None:
        """It could not begin: try again after a while."""
        self._due_s = time.monotonic() + _LONGER_PAUSE_S

    def begin(self) -> None:
        """Fork the next process. Raises OSError where the system has none left."""
        ours, theirs = os.pipe()
        host = os.getpid()
        sys.stdout.flush()
        sys.stderr.flush()
        self._began_s = time.monotonic()
        try:
            self.pid = os.fork()
        except OSError:
            os.close(ours)
            os.close(theirs)
            raise
        if self.pid == 0:
            os.close(ours)
            self._live(host, Reporter(theirs))
        os.close(theirs)
        self._report = ProcessReport(ours)

    def listen(self) -> None:
        """Take in what the process has to say."""
        if self._report is not None and self.pid is not None:
            self._report.read()

    def ended(self, status: int) -> Ended:
        """The process is gone; `status` as os.waitpid gives it."""
        self.pid = None
        now_s = time.monotonic()
        if self._report is None:
            self._due_s = now_s + _SHORTEST_PAUSE_S
            return Ended(cause=Cause.CRASH, why="", served_s=0.0)
        ended = self._report.end(os.waitstatus_to_exitcode(status))
        # A worker keeps its pause registered, for all to see why; where the last one did not live to, it is kept here.
        keeps_pause = bool(self.instance) and now_s - self._began_s >= self._told.pause_s
        self.history = self.history.after(ended)
        self._told = replace(self.history, has_paused=not keeps_pause)
        self._due_s = now_s + (_SHORTEST_PAUSE_S if keeps_pause else max(self.history.pause_s, _SHORTEST_PAUSE_S))
        return ended

    def signal(self, sig: signal.Signals) -> None:
        """Send the process a signal, if there is one."""
        if self.pid is not None:
            os.kill(self.pid, sig)

    def _tell(self, error: BaseException, reporter: Reporter) -> None:
        """What ended the process before there was a worker to tell it."""
        is_expected = isinstance(error, PenstockError)
        why = str(error) if is_expected else f"{type(error).__name__}: {error}"
        log.error(events.WORKER_CRASHED, child=self.name, why=why, exc_info=None if is_expected else error)
        reporter.failed(Cause.CRASH, why)

    def _live(self, host: int, reporter: Reporter) -> None:
        """The child's whole life; never returns into the host's code."""
        status = 1
        try:
            die_with_parent(parent_pid=host)
            # A Ctrl-C in the terminal is the host's to pass on, and no engine process of ours sees it.
            os.setsid()
            self._body(self.name, self._told, reporter)
            status = 0
        except BaseException as error:  # noqa: BLE001 - whatever it is, the process ends here
            if not reporter.has_failed:
                self._tell(error, reporter)
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)
