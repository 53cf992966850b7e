"""A load balancer in one thread per connection: it leads to the first of its servers that takes a connection."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import threading
from collections.abc import Iterator, Sequence

_BUFFER_BYTES = 64 << 10


class Front(socketserver.ThreadingTCPServer):
    """Listens on a port of its own; `ports` are those of the servers behind it, the preferred ones first."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, ports: Sequence[int]) -> None:
        super().__init__(("127.0.0.1", 0), _Passage)
        self.ports = ports

    @property
    def url(self) -> str:
        """Where it is reached."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def connect(self) -> socket.socket:
        """To the first server that is there. Raises ConnectionError."""
        for port in self.ports:
            with contextlib.suppress(OSError):
                return socket.create_connection(("127.0.0.1", port))
        raise ConnectionError(f"nobody listens on any of {self.ports}")

    def handle_error(self, request: object, client_address: object) -> None:
        """A connection that breaks is what it is for."""


class _Passage(socketserver.BaseRequestHandler):
    server: Front

    def handle(self) -> None:
        with self.server.connect() as server:
            back = threading.Thread(target=_pass, args=(server, self.request), daemon=True)
            back.start()
            _pass(self.request, server)
            back.join()


def _pass(source: socket.socket, target: socket.socket) -> None:
    """Everything that comes, until an end of it is gone; then so is the other."""
    with contextlib.suppress(OSError):
        while data := source.recv(_BUFFER_BYTES):
            target.sendall(data)
    for end in (source, target):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def front(ports: Sequence[int]) -> Iterator[Front]:
    """A front that serves until the block is left."""
    with Front(ports) as it:
        thread = threading.Thread(target=it.serve_forever, name="front")
        thread.start()
        try:
            yield it
        finally:
            it.shutdown()
            thread.join()
