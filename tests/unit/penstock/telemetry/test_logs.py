from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from penstock.settings import LogFormat, LogLevel, TelemetrySettings
from penstock.telemetry import events, logs

log = logs.get()


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_an_event_carries_its_fields_its_role_and_what_is_bound(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(TelemetrySettings(), "ingress")
    with logs.bound(job="sim-1"):
        log.info(events.JOB_REJECTED, pool="sim")
    log.info(events.STOPPED)
    rejected, stopped = lines(capsys)
    assert rejected.pop("timestamp")
    assert rejected == {
        "event": events.JOB_REJECTED,
        "pool": "sim",
        "job": "sim-1",
        "role": "ingress",
        "level": "info",
    }
    assert "job" not in stopped


def test_less_severe_events_are_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(TelemetrySettings(log_level=LogLevel.WARNING), "ingress")
    log.info(events.JOB_REJECTED)
    log.warning(events.REDIS_LOST)
    assert [line["event"] for line in lines(capsys)] == [events.REDIS_LOST]


def test_lines_of_libraries_look_like_ours(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(TelemetrySettings(), "ingress")
    logging.getLogger("library").warning("%s is odd", "this")
    logging.getLogger("library").info("chatter")
    (line,) = lines(capsys)
    assert line.pop("timestamp")
    assert line == {"event": "this is odd", "logger": "library", "role": "ingress", "level": "warning"}


def test_an_exception_stays_on_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(TelemetrySettings(), "worker")
    try:
        int("gone")
    except ValueError:
        log.exception(events.JOB_FAILED)
    (line,) = lines(capsys)
    assert "ValueError: invalid literal" in str(line["exception"])


def test_people_get_lines_without_json(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(TelemetrySettings(log_format=LogFormat.CONSOLE), "up")
    log.info(events.CHILD_STARTED, child="redis")
    assert "child.started" in (line := capsys.readouterr().err)
    assert "child=redis" in line
