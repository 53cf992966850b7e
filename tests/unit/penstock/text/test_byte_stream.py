from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from penstock.text.byte_stream import ByteStream, as_piece

BYTES = {byte: as_piece(bytes([byte])) for byte in range(256)}


@given(st.text(), st.data())
def test_any_cut_of_a_text_comes_out_whole(text: str, data: st.DataObject) -> None:
    raw = text.encode()
    cuts = sorted(data.draw(st.sets(st.integers(0, len(raw)))) | {0, len(raw)})
    table = {index: as_piece(raw[a:b]) for index, (a, b) in enumerate(pairwise(cuts))}
    stream = ByteStream(table)
    assert "".join(stream.step(token) for token in table) == text


@given(st.binary())
def test_bytes_that_are_no_text_become_replacement_characters(raw: bytes) -> None:
    stream = ByteStream(BYTES)
    text = "".join(stream.step(byte) for byte in raw)
    assert raw.decode(errors="replace") in (text, text + "\N{REPLACEMENT CHARACTER}")


def test_a_character_comes_with_its_last_byte() -> None:
    stream = ByteStream(BYTES)
    assert [stream.step(byte) for byte in "a🌊水".encode()] == ["a", "", "", "", "🌊", "", "", "水"]


def test_a_broken_character_does_not_hold_up_what_follows() -> None:
    stream = ByteStream(BYTES)
    assert [stream.step(byte) for byte in b"\xf0\x9fab"] == ["", "", "\N{REPLACEMENT CHARACTER}a", "b"]
