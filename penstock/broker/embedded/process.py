"""The Redis server that Penstock starts itself: found on this machine, append-only, on a socket of its user alone."""

from __future__ import annotations

import functools
import os
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

from penstock.broker.embedded.binary import ServerBinary, find_server
from penstock.broker.embedded.data_folder import DataFolder
from penstock.errors import BrokerUnavailableError, PenstockError, SettingsError
from penstock.process import die_with_parent
from penstock.settings.sections import SOCKET_PATH_BYTES

if TYPE_CHECKING:
    from penstock.settings import RedisSettings


class EmbeddedRedis:
    """One server on one data folder; it can be started again and again and finds its data."""

    def __init__(self, settings: RedisSettings, binary: ServerBinary | None = None) -> None:
        self._settings = settings
        #: What it runs.
        self.binary = binary or find_server()
        self._folder = DataFolder(settings.data_dir, self.binary)
        self._socket = settings.socket
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """How clients connect."""
        return self._settings.address

    @property
    def log_file(self) -> Path:
        """The server's own log."""
        return self._folder.path / "redis.log"

    @property
    def pid(self) -> int | None:
        """The running server's process id."""
        return self._process.pid if self._process and self._process.poll() is None else None

    def spawn(self) -> subprocess.Popen[bytes]:
        """Start the server without waiting for it, from the main thread. Raises SettingsError on an unusable folder."""
        self._refuse_long_socket()
        self._folder.take()
        tied = functools.partial(die_with_parent, signal.SIGTERM, parent_pid=os.getpid())
        self._process = subprocess.Popen(
            [str(self.binary.path), *self._options()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
            # The server holds the lock too: the folder is in use until both are gone.
            pass_fds=() if self._folder.lock is None else (self._folder.lock,),
            preexec_fn=tied,  # noqa: PLW1509 - one system call, no lock
        )
        return self._process

    def is_ready(self) -> bool:
        """Whether the server answers PING, which it does not while it loads its data."""
        try:
            with socket.socket(socket.AF_UNIX) as client:
                client.settimeout(1.0)
                client.connect(str(self._socket))
                client.sendall(b"PING\r\n")
                return client.recv(64).startswith(b"+PONG")
        except OSError:
            return False

    def start(self, timeout_s: float = 30.0) -> None:
        """Start the server and wait until it serves. Raises what `failure` says of one that does not."""
        process = self.spawn()
        deadline = time.monotonic() + timeout_s
        while not self.is_ready():
            if process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise self.failure()
            time.sleep(0.01)

    def failure(self) -> PenstockError:
        """Why the server did not start: data that it cannot read, or what the end of its log says."""
        unreadable = self._folder.why_unreadable()
        if unreadable is not None:
            return SettingsError(unreadable)
        return BrokerUnavailableError(f"The embedded Redis did not start:\n{self._log_tail()}")

    def _log_tail(self, lines: int = 10) -> str:
        try:
            return "\n".join(self.log_file.read_text(errors="replace").splitlines()[-lines:])
        except OSError:
            return f"(no log at {self.log_file})"

    def stop(self) -> None:
        """End the server in order, its data flushed, and free the folder."""
        self._end(signal.SIGTERM)
        self._folder.free()

    def kill(self) -> None:
        """End the server as a crash would; the folder stays ours, to start again."""
        self._end(signal.SIGKILL)

    def _end(self, sig: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(sig)
            self._process.wait()
            self._process = None

    def _options(self) -> list[str]:
        options = {
            "port": "0",
            "unixsocket": str(self._socket),
            "unixsocketperm": "700",
            "dir": str(self._folder.path),
            "logfile": str(self.log_file),
            "appendonly": "yes",
            "appendfsync": self._settings.appendfsync.value,
            "aof-use-rdb-preamble": "yes",
            "save": "",
            "maxmemory": f"{self._settings.maxmemory_mb}mb",
            "maxmemory-policy": "noeviction",
        }
        return [word for name, value in options.items() for word in (f"--{name}", value)]

    def _refuse_long_socket(self) -> None:
        if len(os.fsencode(self._socket)) > SOCKET_PATH_BYTES:
            raise SettingsError(
                f"redis.data_dir: the path of the server's socket, {self._socket}, has more than {SOCKET_PATH_BYTES} "
                "bytes; choose a folder with a shorter path, or a shorter TMPDIR."
            )
