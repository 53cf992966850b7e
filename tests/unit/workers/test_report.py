"""What a host learns of a worker process through its pipe."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from workers.history import Cause
from workers.report import Reporter, Story


@pytest.fixture
def pipe() -> Iterator[tuple[Reporter, Story, int]]:
    ours, theirs = os.pipe()
    yield Reporter(theirs), Story(ours), theirs
    os.close(theirs)


Pipe = tuple[Reporter, Story, int]


def test_the_last_registration_is_the_one_that_counts(pipe: Pipe) -> None:
    reporter, story, _ = pipe
    reporter.registered("w.1")
    story.read()
    assert story.instance == "w.1"
    reporter.registered("w.2")
    story.end(0)
    assert story.instance == "w.2"


def test_a_reason_of_its_own_goes_before_the_exit_status(pipe: Pipe) -> None:
    reporter, story, _ = pipe
    reporter.failed(Cause.ENGINE_START, "no memory")
    ended = story.end(1)
    assert (ended.cause, ended.why, ended.served_s) == (Cause.ENGINE_START, "no memory", 0.0)


@pytest.mark.parametrize(("status", "why"), [(-9, "killed by signal 9"), (3, "ended with status 3")])
def test_a_process_that_says_nothing_is_judged_by_its_exit_status(pipe: Pipe, status: int, why: str) -> None:
    ended = pipe[1].end(status)
    assert ended.cause is Cause.CRASH
    assert why in ended.why


def test_an_end_with_status_0_was_asked_for(pipe: Pipe) -> None:
    reporter, story, _ = pipe
    reporter.ready()
    ended = story.end(0)
    assert ended.cause is None
    assert ended.served_s >= 0.0


def test_half_a_line_waits_for_the_other_half(pipe: Pipe) -> None:
    _, story, descriptor = pipe
    os.write(descriptor, b'{"type":"Regist')
    story.read()
    os.write(descriptor, b'ered","instance":"w.1"}\n')
    story.read()
    assert story.instance == "w.1"


def test_a_host_that_does_not_listen_holds_nobody_up() -> None:
    ours, theirs = os.pipe()
    reporter = Reporter(theirs)
    for number in range(5000):
        reporter.registered(f"w.{number}")
    os.close(ours)
    reporter.failed(Cause.CRASH, "nobody hears it")
    os.close(theirs)
