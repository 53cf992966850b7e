"""Lines are counted alike however a text is cut."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from penstock.files.lines import LineCount


@given(st.lists(st.text("a \r\n").map(str.encode)))
def test_lines_are_those_that_end_and_a_last_one_with_something_in_it(chunks: list[bytes]) -> None:
    count = LineCount()
    for chunk in chunks:
        count.feed(chunk)
    *ended, last = b"".join(chunks).split(b"\n")
    assert count.lines == len(ended) + bool(last.strip())
