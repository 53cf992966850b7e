"""Ranges as RFC 9110, 14.1.2 has them."""

from __future__ import annotations

import pytest

from ingress.http.byte_range import ByteRange, range_of
from penstock.errors import RangeError


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, None),
        ("", None),
        ("bytes=0-0", (0, 1)),
        ("bytes=0-9", (0, 10)),
        ("Bytes=5-", (5, 10)),
        ("bytes=5-1000", (5, 10)),
        ("bytes=-3", (7, 10)),
        ("bytes=-1000", (0, 10)),
        ("bytes= 1 - 2", (1, 3)),
        # What is not understood is ignored, and so is what means several.
        ("bytes=-", None),
        ("bytes=5-4", None),
        ("bytes=0-1,3-4", None),
        ("lines=0-1", None),
        ("bytes=a-b", None),
        ("bytes=0x1-2", None),
        ("bytes=99999999999999999999-", None),
    ],
)
def test_a_range_is_what_of_the_content_is_in_it(header: str | None, expected: tuple[int, int] | None) -> None:
    assert range_of(header, 10) == (None if expected is None else ByteRange(*expected))


@pytest.mark.parametrize(
    ("header", "size"), [("bytes=10-", 10), ("bytes=10-20", 10), ("bytes=-0", 10), ("bytes=0-", 0)]
)
def test_a_range_beyond_the_content_is_refused(header: str, size: int) -> None:
    with pytest.raises(RangeError, match=f"The content has {size} bytes"):
        range_of(header, size)


def test_it_says_where_it_is() -> None:
    assert ByteRange(5, 10).content_range(20) == "bytes 5-9/20"
