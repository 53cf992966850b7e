from __future__ import annotations

import msgspec
import pytest

from penstock.json_body import json_fault, utf8_fault


def fault(raw: bytes) -> str:
    try:
        msgspec.json.decode(raw)
    except (msgspec.DecodeError, RecursionError) as error:
        return json_fault(raw, error).message
    raise AssertionError(raw)


@pytest.mark.parametrize(
    ("raw", "half", "at"),
    [
        (rb'"\ud800"', r"\ud800", 1),
        (rb'"\uDBFF and more"', r"\uDBFF", 1),
        (rb'"\udc00"', r"\udc00", 1),
        (rb'{"a":"\ud83d\ude00","b":"\\\ud83dx"}', r"\ud83d", 27),
        (rb'"\ud83d\ud83d\ude00"', r"\ud83d", 1),
    ],
)
def test_half_a_pair_is_told_as_what_it_is(raw: bytes, half: str, at: int) -> None:
    assert fault(raw) == (f"The request body has half of a surrogate pair, {half}, at byte {at}: it is no character.")


@pytest.mark.parametrize("raw", [rb'"\\ud800', rb'{"a":"\ud83d\ude00"', b"{", b"", b"[" * 10_000])
def test_other_faults_are_not_taken_for_it(raw: bytes) -> None:
    assert "surrogate" not in fault(raw)


def test_a_large_body_is_searched_at_once() -> None:
    assert r"\ud800" in fault(b'"' + rb"\\" * 2_000_000 + rb'\ud800"')


@pytest.mark.parametrize(
    ("raw", "says"), [(b"ab\xed\xa0\x80", "surrogate pair at byte 2"), (b"a\xff", "UTF-8 at byte 1")]
)
def test_what_is_no_utf8_is_told(raw: bytes, says: str) -> None:
    with pytest.raises(UnicodeDecodeError) as error:
        raw.decode()
    assert says in utf8_fault(raw, error.value).message
