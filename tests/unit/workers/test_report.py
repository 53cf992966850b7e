"""What a worker process reports to its host through a pipe."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from workers.history import Cause
from workers.report import ProcessReport, Reporter


@pytest.fixture
def pipe() -> Iterator[tuple[Reporter, ProcessReport, int]]:
    ours, theirs = os.pipe()
    yield Reporter(theirs), ProcessReport(ours), theirs
    os.close(theirs)


Pipe = tuple[Reporter, ProcessReport, int]


def test_the_last_registration_is_the_one_that_counts(pipe: Pipe) -> None:
    reporter, report, _ = pipe
    reporter.registered("w.1")
    report.read()
    assert report.instance == "w.1"
    reporter.registered("w.2")
    report.end(0)
    assert report.instance == "w.2"


def test_a_reported_failure_takes_precedence_over_the_exit_status(pipe: Pipe) -> None:
    reporter, report, _ = pipe
    reporter.failed(Cause.ENGINE_START, "no memory")
    ended = report.end(1)
    assert (ended.cause, ended.why, ended.served_s) == (Cause.ENGINE_START, "no memory", 0.0)


@pytest.mark.parametrize(("status", "why"), [(-9, "killed by signal 9"), (3, "ended with status 3")])
def test_the_exit_status_gives_the_cause_where_nothing_was_reported(pipe: Pipe, status: int, why: str) -> None:
    ended = pipe[1].end(status)
    assert ended.cause is Cause.CRASH
    assert why in ended.why


def test_an_end_with_status_0_has_no_cause(pipe: Pipe) -> None:
    reporter, report, _ = pipe
    reporter.ready()
    ended = report.end(0)
    assert ended.cause is None
    assert ended.served_s >= 0.0


def test_a_report_is_read_in_two_halves(pipe: Pipe) -> None:
    _, report, descriptor = pipe
    os.write(descriptor, b'{"type":"Regist')
    report.read()
    os.write(descriptor, b'ered","instance":"w.1"}\n')
    report.read()
    assert report.instance == "w.1"


def test_a_report_never_blocks_whether_the_pipe_is_full_or_closed() -> None:
    ours, theirs = os.pipe()
    reporter = Reporter(theirs)
    for number in range(5000):
        reporter.registered(f"w.{number}")
    os.close(ours)
    reporter.failed(Cause.CRASH, "nobody hears it")
    os.close(theirs)
