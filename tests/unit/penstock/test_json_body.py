from __future__ import annotations

from typing import Any

import msgspec
import pytest

from penstock.errors import InvalidRequestError
from penstock.json_body import integral, json_fault, utf8_fault
from penstock.request import Api, parse

CHAT: dict[str, Any] = {"model": "sim", "messages": [{"role": "user", "content": "Hi"}]}


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
        (rb'"\ud83d\ude00\ud800 and more"', r"\ud800", 13),
        (rb'"\ud83d\ude00\ude00 and more"', r"\ude00", 13),
        (rb'"\\ud800\ude00 and more"', r"\ude00", 8),
    ],
)
def test_half_a_pair_is_told_as_what_it_is(raw: bytes, half: str, at: int) -> None:
    assert fault(raw) == (f"The request body has half of a surrogate pair, {half}, at byte {at}: it is no character.")


@pytest.mark.parametrize(
    "raw", [rb'"\\ud800', rb'{"a": "\ud83d\ude00", "b": x}', rb'{"a":"\ud83d\ude00"', b"{", b"", b"[" * 10_000]
)
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


@pytest.mark.parametrize(
    ("sent", "taken"),
    [
        (5.0, 5),
        (5.5, 5.5),
        ([5.0, 6], [5, 6]),
        ([5.0] * 65_536, [5] * 65_536),
        ([5.0] * 65_537, [5.0] * 65_537),
        ([5.0, 6.5], [5, 6.5]),
        ([1.0, True], [1, True]),
        ([1.0, "1"], [1, "1"]),
        ([[1.0], [2]], [[1], [2]]),
        ([1.0, 1e300], [1, 1e300]),
        (["1.0"], ["1.0"]),
        ([], []),
    ],
)
def test_a_whole_number_with_a_fraction_is_a_whole_number(sent: Any, taken: Any) -> None:
    assert repr(integral(sent)) == repr(taken)


@pytest.mark.parametrize("length", [10, 4_000_000])
def test_a_word_is_told_with_its_place_however_long_it_is(length: int) -> None:
    with pytest.raises(InvalidRequestError) as error:
        parse(Api.CHAT, msgspec.json.encode({**CHAT, "response_format": {"type": "x" * length}}))

    assert error.value.param == "response_format.type"
    assert error.value.message.startswith("response_format.type: there is no 'xxxxxxxxxx")
    assert error.value.message.endswith("give one of json_object, json_schema, text.")
