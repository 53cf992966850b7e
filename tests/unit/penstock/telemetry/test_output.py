"""What a log line may meet: each time it is lost and counted, and nothing else happens."""

from __future__ import annotations

import fcntl
import io
import os
import pty
import select
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.telemetry import metrics, output
from penstock.telemetry.output import LONGEST_WAIT_S, Output, Patience, write_if_ready

LINE = b"a line of a log that says something\n"
#: More than any pipe, socket or terminal holds here.
FAR_TOO_MANY = 20_000


@pytest.fixture
def opened() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def lost() -> Callable[[], int]:
    """How many lines were lost since the test began."""
    before = metrics.LOG_LINES_LOST._value.get()
    return lambda: int(metrics.LOG_LINES_LOST._value.get() - before)


def pipe(opened: ExitStack) -> tuple[int, int]:
    ends = os.pipe()
    for end in ends:
        opened.callback(closed, end)
    return ends


def closed(descriptor: int) -> None:
    try:
        os.close(descriptor)
    except OSError:
        return


def stalled_pipe(opened: ExitStack) -> int:
    return pipe(opened)[1]


def stalled_socket(opened: ExitStack) -> int:
    ours, theirs = (opened.enter_context(end) for end in socket.socketpair())
    assert theirs.fileno() > 0
    return ours.fileno()


def stalled_terminal(opened: ExitStack) -> int:
    for descriptor in (ends := pty.openpty()):
        opened.callback(closed, descriptor)
    return ends[1]


def full_disk(opened: ExitStack) -> int:
    return opened.enter_context(Path("/dev/full").open("wb", buffering=0)).fileno()


def pipe_without_reader(opened: ExitStack) -> int:
    reader, writer = pipe(opened)
    closed(reader)
    return writer


@pytest.mark.parametrize("unwritable", [full_disk, pipe_without_reader])
def test_a_line_that_cannot_be_written_is_counted(
    unwritable: Callable[[ExitStack], int], opened: ExitStack, lost: Callable[[], int]
) -> None:
    lines = Output(unwritable(opened))
    assert lines.write(LINE) == len(LINE)
    assert lines.write(LINE * 3) == len(LINE) * 3
    assert lost() == 4


def test_a_descriptor_that_is_closed_later_costs_the_lines_too(lost: Callable[[], int]) -> None:
    descriptor = os.open(os.devnull, os.O_WRONLY)
    lines = Output(descriptor)
    lines.write(LINE)
    os.close(descriptor)
    lines.write(LINE)
    assert lost() == 1


@pytest.mark.parametrize("stalled", [stalled_pipe, stalled_socket, stalled_terminal])
def test_a_reader_that_does_not_read_holds_nobody_up(
    stalled: Callable[[ExitStack], int], opened: ExitStack, lost: Callable[[], int]
) -> None:
    descriptor = stalled(opened)
    others = os.dup(descriptor)
    opened.callback(os.close, others)
    flags = fcntl.fcntl(others, fcntl.F_GETFL)
    before = set(Path("/proc/self/fd").iterdir())
    lines = Output(descriptor)
    assert set(Path("/proc/self/fd").iterdir()) == before
    for _ in range(FAR_TOO_MANY):
        lines.write(LINE)
    assert 0 < lost() < FAR_TOO_MANY
    # Others who share the descriptor would have to expect errors that they do not know.
    assert fcntl.fcntl(others, fcntl.F_GETFL) == flags


def test_a_full_pipe_costs_one_short_wait_in_all(opened: ExitStack, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []

    def never_ready(_: int, within_s: float) -> bool:
        waits.append(within_s)
        return False

    monkeypatch.setattr(output, "_is_ready", never_ready)
    monkeypatch.setattr("time.monotonic", lambda: sum(waits))
    lines = Output(stalled_pipe(opened))
    for _ in range(FAR_TOO_MANY):
        lines.write(LINE)
    assert waits == [LONGEST_WAIT_S]


def test_a_burst_longer_than_the_pipe_waits_for_a_reader_that_reads(
    opened: ExitStack, lost: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(output, "LONGEST_WAIT_S", 30.0)
    reader, writer = pipe(opened)
    lines = Output(writer)
    read = bytearray()

    def reads() -> None:
        while len(read) < len(LINE) * FAR_TOO_MANY:
            read.extend(os.read(reader, 1 << 16))

    thread = threading.Thread(target=reads)
    thread.start()
    for _ in range(FAR_TOO_MANY):
        lines.write(LINE)
    thread.join()
    assert bytes(read) == LINE * FAR_TOO_MANY
    assert lost() == 0


def test_a_reader_that_comes_back_gets_whole_lines(opened: ExitStack, lost: Callable[[], int]) -> None:
    reader, writer = pipe(opened)
    os.set_blocking(reader, False)
    lines = Output(writer)
    # Longer than what a pipe takes as a whole, so that one of them is cut.
    long = b"x" * 50_000 + b"\n"
    for _ in range(3):
        lines.write(long)
    first = os.read(reader, 1 << 20)
    lines.write(LINE)
    cut, second = (first + os.read(reader, 1 << 20)).split(b"\n")[1:3]
    assert 0 < len(cut) < 50_000
    assert second + b"\n" == LINE
    assert lost() == 2


def test_a_pipe_that_cannot_be_opened_again_is_written_while_it_has_room(opened: ExitStack) -> None:
    reader, writer = pipe(opened)
    fill(writer)
    with pytest.raises(BlockingIOError):
        write_if_ready(writer, LINE)
    assert len(os.read(reader, 1 << 20)) > select.PIPE_BUF
    assert write_if_ready(writer, LINE * 1000) == select.PIPE_BUF


def fill(pipe: int) -> None:
    with suppress(BlockingIOError):
        while write_if_ready(pipe, LINE * 1000):
            pass


def test_a_descriptor_that_does_not_wait_is_like_any_other(opened: ExitStack, lost: Callable[[], int]) -> None:
    reader, writer = pipe(opened)
    os.set_blocking(writer, False)
    lines = Output(writer)
    for _ in range(FAR_TOO_MANY):
        lines.write(LINE)
    assert os.read(reader, len(LINE)) == LINE
    assert lost() > 0


def test_a_text_that_the_encoding_lacks_is_written_all_the_same(opened: ExitStack) -> None:
    reader, writer = pipe(opened)
    raw: Any = Output(writer)
    text = io.TextIOWrapper(raw, "ascii", errors="backslashreplace", line_buffering=True)
    print("Ω and \udcff", file=text)
    assert os.read(reader, 100) == b"\\u03a9 and \\udcff\n"


@given(st.lists(st.tuples(st.floats(0.0, 5.0), st.floats(0.0, 1.0)), max_size=40))
def test_waits_are_a_small_share_of_the_time(steps: list[tuple[float, float]]) -> None:
    now_s = waited_s = 0.0
    patience = Patience(now_s)
    for pause_s, share in steps:
        now_s += pause_s
        if (left_s := patience.left_s(now_s)) > 0:
            wait_s = left_s * share
            patience.spend(now_s, now_s + wait_s)
            now_s += wait_s
            waited_s += wait_s
    assert waited_s <= LONGEST_WAIT_S + now_s * 0.05 + 1e-9


def test_the_allowance_comes_back() -> None:
    patience = Patience(0.0)
    patience.spend(0.0, LONGEST_WAIT_S)
    assert patience.left_s(LONGEST_WAIT_S) == pytest.approx(0.0)
    assert patience.left_s(time.monotonic() + 1e6) == LONGEST_WAIT_S
