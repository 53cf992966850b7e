"""Spans through the OpenTelemetry SDK; imported only where the environment asks for them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter, SpanExporter
from opentelemetry.trace import Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from penstock.errors import SettingsError
from penstock.telemetry import spans
from penstock.telemetry.span import Attributes, Span

_PROPAGATOR = TraceContextTextMapPropagator()


class ExportedSpan(Span):
    """A span that reaches the exporter when it ends."""

    __slots__ = ("_span",)

    def __init__(self, span: trace.Span) -> None:
        headers: dict[str, str] = {}
        _PROPAGATOR.inject(headers, trace.set_span_in_context(span))
        super().__init__(headers)
        self._span = span

    def set(self, attributes: Attributes) -> None:
        """Add attributes."""
        self._span.set_attributes(attributes)

    def end(self, error: str | None = None, *, end_ms: int | None = None) -> None:
        """End the span, now or as of a Unix time."""
        if error is not None:
            self._span.set_attribute(spans.ERROR_TYPE, error)
            self._span.set_status(Status(StatusCode.ERROR, error))
        self._span.end(_ns(end_ms))


class Exporting:
    """One process's way out for spans."""

    def __init__(self, service: str, environ: Mapping[str, str]) -> None:
        name = environ.get("OTEL_SERVICE_NAME", service)
        self._provider = TracerProvider(resource=Resource.create({SERVICE_NAME: name}))
        self._provider.add_span_processor(BatchSpanProcessor(_exporter(environ)))
        self._tracer = self._provider.get_tracer("penstock")

    def start(self, name: str, parent: Mapping[str, str], attributes: Attributes, start_ms: int | None) -> Span:
        """Start a span under the one that `parent` names."""
        context = _PROPAGATOR.extract(parent)
        span = self._tracer.start_span(name, context, attributes=attributes, start_time=_ns(start_ms))
        return ExportedSpan(span)

    def close(self) -> None:
        """Send what has ended; nothing is exported afterwards."""
        self._provider.shutdown()


def _exporter(environ: Mapping[str, str]) -> SpanExporter:
    wanted = environ.get("OTEL_TRACES_EXPORTER") or "otlp"
    if wanted == "console":
        return ConsoleSpanExporter()
    protocol = environ.get("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL") or environ.get("OTEL_EXPORTER_OTLP_PROTOCOL")
    if wanted != "otlp" or protocol not in (None, "", "http/protobuf"):
        raise SettingsError(
            "OTEL_TRACES_EXPORTER must be otlp, console or none, and OTEL_EXPORTER_OTLP_PROTOCOL http/protobuf; "
            f"got {wanted!r} and {protocol!r}."
        )
    return cast("SpanExporter", OTLPSpanExporter())


def _ns(unix_ms: int | None) -> int | None:
    return None if unix_ms is None else unix_ms * 1_000_000
