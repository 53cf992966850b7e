"""Bodies of lines, however they are cut on their way."""

from __future__ import annotations

import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.lines import Line, LineSplitter

LONGEST = 20


def split(*parts: bytes) -> list[Line]:
    splitter = LineSplitter(LONGEST)
    return [line for part in parts for line in splitter.feed(part)] + list(splitter.end())


def test_lines_are_numbered_and_blank_ones_left_out() -> None:
    assert split(b"one\n\n  \ntwo\r\nthree") == [
        Line(0, b"one", 0, 4),
        Line(3, b"two", 8, 5),
        Line(4, b"three", 13, 5),
    ]


def test_the_last_line_needs_no_end_and_an_end_makes_no_line() -> None:
    assert split(b"one") == [Line(0, b"one", 0, 3)]
    assert split(b"one\n") == [Line(0, b"one", 0, 4)]
    assert split() == split(b"\n\n") == []


def test_a_byte_order_mark_is_no_part_of_the_first_line() -> None:
    assert split(b"\xef\xbb\xbf{}\n\xef\xbb\xbf{}") == [Line(0, b"{}", 0, 6), Line(1, b"\xef\xbb\xbf{}", 6, 5)]


def test_a_line_that_is_too_long_is_passed_over_and_the_next_one_read() -> None:
    long = b"x" * (LONGEST + 1)
    assert split(long[:9], long[9:], b"\nnext") == [Line(0, None, 0, 22), Line(1, b"next", 22, 4)]
    assert split(b"x" * LONGEST) == [Line(0, b"x" * LONGEST, 0, LONGEST)]


@pytest.mark.parametrize(
    ("begin", "share"), [(b"", 1 / 20), (b"x\n", 1)], ids=["nothing but blank lines", "behind others"]
)
def test_blank_lines_hold_nobody_up(begin: bytes, share: float) -> None:
    """A million of them come in one chunk: behind a line they take no longer than lines of as many bytes."""
    splitter, begun_s = LineSplitter(1 << 22), time.process_time()
    blank = list(splitter.feed(begin + b"\n" * (1 << 20)))
    took_s = time.process_time() - begun_s
    splitter, begun_s = LineSplitter(1 << 22), time.process_time()
    filled = list(splitter.feed(b"x\n" * (1 << 19)))

    assert (len(blank), len(filled)) == (len(begin) // 2, 1 << 19)
    assert took_s < (time.process_time() - begun_s) * share


@given(st.integers(0, 60), st.integers(0, 60))
def test_blanks_that_are_longer_than_a_line_may_be_are_a_line(cut: int, length: int) -> None:
    blanks = b" " * length
    assert bool(split(blanks[:cut], blanks[cut:], b"\n")) == (length > LONGEST) == bool(split(blanks + b"\n"))


@given(st.binary(max_size=200).map(lambda data: data.replace(b"a", b"\n")))
def test_a_line_is_found_again_by_its_place(data: bytes) -> None:
    for line in split(data):
        if line.text is not None:
            there = data[line.offset : line.offset + line.size]
            assert there.removeprefix(b"\xef\xbb\xbf" if line.offset == 0 else b"").strip() == line.text


@given(st.binary(max_size=200).map(lambda data: data.replace(b"a", b"\n")), st.lists(st.integers(0, 200), max_size=5))
def test_it_does_not_matter_how_they_are_cut(data: bytes, cuts: list[int]) -> None:
    places = [0, *sorted(cuts), len(data)]
    parts = [data[start:end] for start, end in pairwise(places)]
    assert split(*parts) == split(data)
