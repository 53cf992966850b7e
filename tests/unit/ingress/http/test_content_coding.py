from __future__ import annotations

import gzip
import zlib

import pytest

from ingress.http.content_coding import accepts_gzip, undo, window_of
from penstock.errors import InvalidRequestError

LIMIT = 1 << 20


def undone(coded: bytes, coding: str = "gzip", limit: int = LIMIT) -> bytes | None:
    window = window_of(coding)
    assert window is not None
    return undo(coded, window, limit)


def test_a_gzip_body_may_have_several_members() -> None:
    assert undone(gzip.compress(b"one ") + gzip.compress(b"two")) == b"one two"


def test_a_body_of_very_many_members_is_refused_soon() -> None:
    with pytest.raises(InvalidRequestError, match="members"):
        undone(gzip.compress(b"") * 100_000)


def test_deflate_has_no_members() -> None:
    assert undone(zlib.compress(b"one"), "deflate") == b"one"
    assert undone(b"\x03\x00" * 1_000_000, "deflate") == b""


def test_a_bomb_is_larger_than_allowed() -> None:
    assert undone(gzip.compress(b"0" * (LIMIT + 1))) is None


@pytest.mark.parametrize(
    ("accepted", "takes_it"),
    [
        ("gzip", True),
        ("gzip, deflate, br, zstd", True),
        ("br;q=1.0, GZIP ; q=0.5", True),
        ("x-gzip", True),
        ("gzip;q=0.001", True),
        ("", False),
        ("identity", False),
        ("br", False),
        ("gzip;q=0", False),
        ("gzip; q=0.000", False),
        ("gzipped", False),
        ("\xff,;q=,", False),
    ],
)
def test_an_answer_is_packed_for_whoever_takes_it_so(accepted: str, *, takes_it: bool) -> None:
    assert accepts_gzip(accepted) is takes_it
