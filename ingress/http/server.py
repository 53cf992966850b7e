"""One process that serves an app on sockets it was given."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import uvicorn
import uvloop

from ingress.http.acceptor import Acceptor
from ingress.http.connection import Connection
from penstock import garbage, threads
from penstock.errors import SettingsError
from penstock.process import stop_signals
from penstock.settings.environment import variable

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from penstock.settings import IngressSettings

_BACKLOG = 2048
#: Longer than the pauses of a client that comes back; its connection is then warm.
_KEEP_ALIVE_S = 75
#: The resolution of the `date` header.
_DATE_S = 1.0


def listen(host: str, port: int, setting: str) -> socket.socket:
    """A listening socket that several processes may share. Raises SettingsError that names the section of `port`."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise SettingsError(
            f"{setting}: cannot listen on {host}:{port}: {error.strerror}; free it, or choose another "
            f"({variable(f'{setting}.port')})."
        ) from None
    listener.listen(_BACKLOG)
    return listener


class HttpServer(uvicorn.Server):
    """Serves an app within limits, until `stop` is called; open responses may then end within the grace."""

    def __init__(self, app: ASGIApp, limits: IngressSettings) -> None:
        self._kind = Connection.limited(limits)
        self._acceptors: list[Acceptor] = []
        super().__init__(
            uvicorn.Config(
                app,
                http=self._kind,
                ws="none",
                lifespan="on",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                timeout_keep_alive=_KEEP_ALIVE_S,
                # uvicorn only waits for it, and a wait may be a fraction.
                timeout_graceful_shutdown=limits.drain_grace_s,  # type: ignore[arg-type]
            )
        )
        self._stopping = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start the app, then take connections of these sockets."""
        await super().startup([])
        self._acceptors = [Acceptor(listener, self._connection) for listener in sockets or ()]

    def _connection(self) -> Connection:
        return self._kind(config=self.config, server_state=self.server_state, app_state=self.lifespan.state)

    def stop(self) -> None:
        """Once: end in order. Twice: end at once."""
        self.force_exit = self.should_exit
        self.should_exit = True
        self._stopping.set()

    async def main_loop(self) -> None:
        """Until stopped, keep the `date` header right; uvicorn would wake ten times as often to look for a signal."""
        while not await self.on_tick(0):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_DATE_S):
                    await self._stopping.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the responses, within the grace or at once, and then the app, which uvicorn would leave in the middle."""
        for acceptor in self._acceptors:
            acceptor.close()
        for listener in sockets or ():
            listener.close()
        is_idle = await self._is_idle()
        if not is_idle:
            await super().shutdown()
        if is_idle or self.force_exit:
            await self.lifespan.shutdown()

    async def _is_idle(self) -> bool:
        """Close what no response goes over; whether nothing is left to wait for: uvicorn waits even then."""
        for connection in list(self.server_state.connections):
            connection.shutdown()
        # The transports tell that they are closed in the loop's next turn.
        await asyncio.sleep(0)
        is_opening = any(acceptor.is_opening for acceptor in self._acceptors)
        return not (is_opening or self.server_state.connections or self.server_state.tasks)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are not uvicorn's to take: it would raise them again in the end, and so end in disorder."""
        yield


def serve(app: ASGIApp, limits: IngressSettings, sockets: Sequence[socket.socket]) -> None:
    """Serve until told to stop."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(HttpServer(app, limits), list(sockets)))


async def _serve(server: HttpServer, sockets: list[socket.socket]) -> None:
    loop = asyncio.get_running_loop()
    for sig in stop_signals():
        loop.add_signal_handler(sig, server.stop)
    garbage.settle()
    threads.settle()
    await server.serve(sockets)
