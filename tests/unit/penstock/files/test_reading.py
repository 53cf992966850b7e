"""What is read of parts."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from penstock.files.file import Part
from penstock.files.reading import pieces

contents = st.lists(st.binary(max_size=5), max_size=6)
places = st.integers(0, 40)


@given(contents, places, st.none() | places)
def test_the_pieces_are_what_lies_between(parts: list[bytes], start: int, end: int | None) -> None:
    named = [Part(str(number), len(part)) for number, part in enumerate(parts)]
    read = [parts[int(one.name)][one.start : one.end] for one in pieces(named, start, end)]
    assert b"".join(read) == b"".join(parts)[start:end]
    assert b"" not in read
