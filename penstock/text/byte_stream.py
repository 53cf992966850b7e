"""Tokens that stand for bytes, turned into text one at a time: what every byte-level vocabulary shares."""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

#: What one token adds: text where its bytes are whole characters, the bytes themselves where they are not.
Piece = str | bytes


def as_piece(raw: bytes) -> Piece:
    """The text of `raw` if it is valid UTF-8 on its own, else `raw`."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw


class ByteStream:
    """A TokenStream over a table of pieces: a character cut into several tokens comes out whole with its last one.

    Bytes that can no longer become a character come out as U+FFFD, as HuggingFace's decoder gives them; bytes that
    still can are kept back.
    """

    __slots__ = ("_pending", "_pieces")

    def __init__(self, pieces: Mapping[int, Piece]) -> None:
        self._pieces = pieces
        self._pending = b""

    def step(self, token: int) -> str:
        """The text this token completes; empty while a character is still in pieces."""
        piece = self._pieces[token]
        if isinstance(piece, str) and not self._pending:
            return piece
        raw = self._pending + (piece.encode() if isinstance(piece, str) else piece)
        text, used = codecs.utf_8_decode(raw, "replace", False)  # noqa: FBT003  (`final` is positional only)
        self._pending = raw[used:]
        return text
