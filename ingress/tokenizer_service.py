"""The tokenizer service: `/tokenize` and `/detokenize` on a port of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ingress.app import tokenizer_app
from ingress.http.server import listen, serve
from penstock.telemetry import events, logs

if TYPE_CHECKING:
    from penstock.settings import Settings

log = logs.get()


def run(settings: Settings) -> None:
    """Serve until told to stop. Raises SettingsError where the port is taken."""
    logs.configure(settings.telemetry, "tokenizer")
    listener = listen(settings.tokenizer.host, settings.tokenizer.port, "tokenizer")
    log.info(events.STARTED, host=settings.tokenizer.host, port=settings.tokenizer.port)
    serve(tokenizer_app(settings), settings.ingress, [listener])
    log.info(events.STOPPED)
