from __future__ import annotations

from collections.abc import Iterator

import pytest
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from penstock.errors import SettingsError
from penstock.telemetry import exporting, spans, trace_context, tracing

CLIENT = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}


@pytest.fixture
def exported(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    monkeypatch.setattr(exporting, "BatchSpanProcessor", lambda _: SimpleSpanProcessor(exporter))
    monkeypatch.setattr(tracing, "_exporting", None)
    tracing.configure("test", {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector"})
    yield exporter
    tracing.flush()


@pytest.mark.parametrize(
    ("environ", "wanted"),
    [
        ({}, False),
        ({"OTEL_SERVICE_NAME": "penstock"}, False),
        ({"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector"}, False),
        ({"OTEL_SDK_DISABLED": "true", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector"}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://collector"}, True),
        ({"OTEL_TRACES_EXPORTER": "console"}, True),
    ],
)
def test_spans_are_sent_only_where_the_environment_names_an_exporter(environ: dict[str, str], *, wanted: bool) -> None:
    assert tracing.is_wanted(environ) is wanted


def test_without_an_exporter_the_clients_trace_passes_through() -> None:
    tracing.configure("test", {})
    with tracing.start(spans.QUEUE, CLIENT, {}) as span:
        assert span.headers == CLIENT
    assert tracing.start(spans.QUEUE, {}, {}).headers == {}


def test_a_span_of_another_process_becomes_a_child_through_the_job(exported: InMemorySpanExporter) -> None:
    request = tracing.start(spans.request_name(spans.CHAT, "demo"), CLIENT, {spans.REQUEST_MODEL: "demo"})
    carried = trace_context.unpack(trace_context.pack(request.headers))
    tracing.start(spans.QUEUE, carried, {}, start_ms=1_000).end(end_ms=3_500)
    request.set({spans.USAGE_OUTPUT_TOKENS: 7})
    request.end()
    queue, whole = exported.get_finished_spans()
    assert whole.name == "chat demo"
    assert format(whole.context.trace_id, "032x") == "0af7651916cd43dd8448eb211c80319c"
    assert whole.attributes == {spans.REQUEST_MODEL: "demo", spans.USAGE_OUTPUT_TOKENS: 7}
    assert queue.parent is not None
    assert queue.parent.span_id == whole.context.span_id
    assert (queue.start_time, queue.end_time) == (1_000_000_000, 3_500_000_000)


def test_a_span_that_is_left_by_an_error_names_it(exported: InMemorySpanExporter) -> None:
    def fail() -> None:
        with tracing.start(spans.GENERATE, {}, {}):
            raise LookupError

    with pytest.raises(LookupError):
        fail()
    (span,) = exported.get_finished_spans()
    assert span.status.status_code is StatusCode.ERROR
    assert span.attributes == {spans.ERROR_TYPE: "LookupError"}


def test_a_protocol_that_is_not_there_stops_the_start() -> None:
    with pytest.raises(SettingsError, match="OTEL_EXPORTER_OTLP_PROTOCOL http/protobuf; got 'otlp' and 'grpc'"):
        exporting.Exporting("test", {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"})


def test_only_trace_headers_are_taken_from_a_request() -> None:
    assert trace_context.trace_headers({**CLIENT, "authorization": "Bearer secret"}) == CLIENT


@pytest.mark.parametrize("headers", [{}, CLIENT, {**CLIENT, "tracestate": "a=1,b=2"}])
def test_packing_keeps_trace_headers(headers: dict[str, str]) -> None:
    assert trace_context.unpack(trace_context.pack(headers)) == headers


@pytest.mark.parametrize(
    "headers",
    [
        {"tracestate": "a\x85b=1"},
        {"tracestate": "a\x1cb"},
        {"tracestate": "wörter=1"},
        {"tracestate": "a=" + "1" * 600},
        {"traceparent": "00-1-2-01"},
        {"traceparent": CLIENT["traceparent"].upper()},
        {"traceparent": CLIENT["traceparent"] + "\x85x"},
    ],
)
def test_what_is_no_trace_context_is_not_carried(headers: dict[str, str]) -> None:
    assert trace_context.trace_headers(headers) == {}


@pytest.mark.parametrize("packed", ["", "nothing", "tracestate=a\x85b", "traceparent=1\nnothing", "=", "\n\n"])
def test_whatever_a_job_carries_can_be_unpacked(packed: str) -> None:
    assert all("\n" not in value for value in trace_context.unpack(packed).values())
