"""A process that is killed and started again, whatever it runs."""

from __future__ import annotations

import signal
import subprocess


class Restartable:
    """One process after the other; a subclass starts them."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def is_running(self) -> bool:
        """Whether it was started and has not ended; a stopped one runs."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """The process id, of the last process if it has ended."""
        assert self._process is not None, f"{self.name} was never started"
        return self._process.pid

    def send(self, sig: signal.Signals) -> None:
        """Send a signal, if there is anybody to receive it."""
        if self._process is not None:
            self._process.send_signal(sig)
