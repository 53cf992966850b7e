"""Incremental decoding with a HuggingFace vocabulary: a table of bytes where it can be, its own decoder elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokenizers.decoders import DecodeStream

from penstock.text.byte_stream import Piece, as_piece

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tokenizers import Tokenizer as Vocabulary

#: Enough of the prompt's end to tell a decoder that it is inside a text.
_CONTEXT_TOKENS = 8
#: A character is at most four bytes: a stream silent for longer is stuck on bytes that are none.
_MAX_SILENT_TOKENS = 8


class BytePieces(dict[int, Piece]):
    """Token id to piece for a byte-level vocabulary; tokens in `silent` have no text.

    It fills as tokens are seen: a whole vocabulary up front would cost start-up time.
    """

    def __init__(self, vocabulary: Vocabulary, silent: Iterable[int] = ()) -> None:
        super().__init__(dict.fromkeys(silent, ""))
        self._vocabulary = vocabulary

    def __missing__(self, token: int) -> Piece:
        name = self._vocabulary.id_to_token(token)
        # Models are often padded beyond their vocabulary: such an id has no text.
        piece = self[token] = "" if name is None else as_piece(_bytes_of(name))
        return piece


class VocabularyStream:
    """A TokenStream for any vocabulary: slower, and it must know what it continues.

    SentencePiece-like vocabularies write a word's space in front of it and drop it at the beginning of a text.
    """

    def __init__(self, vocabulary: Vocabulary, prompt: Sequence[int], *, skip_special: bool) -> None:
        self._vocabulary = vocabulary
        self._skip_special = skip_special
        self._restart()
        for token in prompt[-_CONTEXT_TOKENS:]:
            self._next(token)

    def step(self, token: int) -> str:
        """The text this token completes; empty while a character is still in pieces."""
        text = self._next(token)
        if text:
            self._silent.clear()
            return text
        self._silent.append(token)
        return "" if len(self._silent) < _MAX_SILENT_TOKENS else self._flush()

    def _next(self, token: int) -> str:
        try:
            return self._stream.step(self._vocabulary, token) or ""
        except Exception as error:  # the library raises no narrower class
            if "Invalid prefix" not in str(error):
                raise
        # Bytes that are no text made the library lose its place.
        self._restart()
        return self._stream.step(self._vocabulary, token) or ""

    def _flush(self) -> str:
        text = str(self._vocabulary.decode(self._silent, skip_special_tokens=self._skip_special))
        self._restart()
        return text

    def _restart(self) -> None:
        self._stream = DecodeStream(skip_special_tokens=self._skip_special)
        self._silent: list[int] = []


def _byte_of_character() -> dict[str, int]:
    """The alphabet of byte-level BPE (GPT-2): printable Latin-1 stands for itself, other bytes for U+0100 and up."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = sorted(set(range(0x100)) - set(printable))
    return {chr(byte): byte for byte in printable} | {chr(0x100 + rank): byte for rank, byte in enumerate(others)}


_BYTE_OF_CHARACTER = _byte_of_character()
#: What every text can be spelt with.
BYTE_ALPHABET = frozenset(_BYTE_OF_CHARACTER)


def _bytes_of(name: str) -> bytes:
    """The bytes of a token by its name; an added token with characters outside the alphabet is spelt as it is."""
    try:
        return bytes(_BYTE_OF_CHARACTER[character] for character in name)
    except KeyError:
        return name.encode()
