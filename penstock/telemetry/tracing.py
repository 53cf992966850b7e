"""Spans that join one request over all processes; without an OTEL_ exporter in the environment they cost nothing.

A span's `headers` are W3C trace context (`traceparent`, `tracestate`): written into the job, they make the next
process's span a child of this one. Where nothing is exported, they are the parent's headers unchanged, so that a
client's trace still reaches the engine.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from penstock.telemetry.span import Attributes, Span

if TYPE_CHECKING:
    from penstock.telemetry.exporting import Exporting

_exporting: Exporting | None = None


def start(name: str, parent: Mapping[str, str], attributes: Attributes, *, start_ms: int | None = None) -> Span:
    """Start a span, now or as of a Unix time; `parent` is another span's `headers`, or {} for a new trace."""
    if _exporting is None:
        return Span(parent)
    return _exporting.start(name, parent, attributes, start_ms)


def configure(service: str, environ: Mapping[str, str] = os.environ) -> None:
    """Send this process's spans where the OTEL_ variables say; none set, none sent.

    Call it after the last fork: the exporter has a thread. Raises SettingsError.
    """
    global _exporting  # noqa: PLW0603 - one process has one exporter
    if is_wanted(environ):
        # The SDK's import costs time and memory: only those who export pay.
        from penstock.telemetry.exporting import Exporting

        _exporting = Exporting(service, environ)


def flush() -> None:
    """Send what is still here; the last thing a process does."""
    if _exporting is not None:
        _exporting.close()


def is_wanted(environ: Mapping[str, str]) -> bool:
    """Whether the environment names an exporter for traces."""
    if environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return False
    exporter = environ.get("OTEL_TRACES_EXPORTER")
    if exporter:
        return exporter != "none"
    return any(environ.get(name) for name in ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"))
