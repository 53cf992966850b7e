"""The ingress: as many processes as configured, on one port."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ingress.app import ingress_app
from ingress.http.server import listen, serve
from ingress.prefork import PreforkSupervisor
from penstock.telemetry import events, logs, tracing

if TYPE_CHECKING:
    import socket

    from penstock.settings import Settings

log = logs.get()


def run(settings: Settings) -> None:
    """Serve until told to stop. Raises SettingsError where the port is taken."""
    logs.configure(settings.telemetry, "ingress")
    listener = listen(settings.ingress.host, settings.ingress.port, "ingress")
    log.info(events.STARTED, host=settings.ingress.host, port=settings.ingress.port)
    if settings.ingress.processes == 1:
        _serve(settings, listener)
    else:
        PreforkSupervisor(settings.ingress.processes, lambda: _serve(settings, listener)).run()
    log.info(events.STOPPED)


def _serve(settings: Settings, listener: socket.socket) -> None:
    """One process of it; the exporter of spans has a thread, so it is made after the fork."""
    tracing.configure("penstock-ingress")
    serve(ingress_app(settings), settings.ingress, [listener])
    tracing.flush()
