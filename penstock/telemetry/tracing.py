"""Spans that join one request over all processes; without an OTEL_ exporter in the environment they cost nothing.

A span's `headers` are W3C trace context (`traceparent`, `tracestate`): written into the job, they make the next
process's span a child of this one. Where nothing is exported, they are the parent's headers unchanged, so that a
client's trace still reaches the engine.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from penstock.telemetry.exporting import Exporting

#: A span's attributes: names from `spans`, plain values.
Attributes = Mapping[str, str | int | float | bool | list[str]]

TRACE_HEADERS = ("traceparent", "tracestate")

_exporting: Exporting | None = None


class Span:
    """One timed piece of work, and its context manager. As it stands here it goes nowhere."""

    __slots__ = ("headers",)

    def __init__(self, headers: Mapping[str, str]) -> None:
        #: What a child span, here or in another process, needs to know of this one.
        self.headers = headers

    def set(self, attributes: Attributes) -> None:
        """Add attributes."""

    def end(self, error: str | None = None, *, end_ms: int | None = None) -> None:
        """End the span, now or as of a Unix time; `error` names what went wrong: an error's class or a job's state."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.end(None if kind is None else kind.__name__)


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


def trace_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """The trace context among HTTP headers with lower-case names."""
    return {name: headers[name] for name in TRACE_HEADERS if name in headers}


def pack(headers: Mapping[str, str]) -> str:
    """Trace headers as a job carries them: `key=value` lines."""
    return "\n".join(f"{name}={value}" for name, value in headers.items())


def unpack(packed: str) -> dict[str, str]:
    """The trace headers of a job."""
    return dict(line.split("=", 1) for line in packed.splitlines())
