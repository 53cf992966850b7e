"""The simulated engine's tokenizer: complete, deterministic, and cheap enough not to be what a benchmark measures."""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import product
from string import ascii_lowercase
from typing import TYPE_CHECKING

from penstock.text.byte_stream import ByteStream, as_piece
from penstock.text.chat.content import as_text
from penstock.text.chat.conversation import Conversation, check_conversation
from penstock.text.chat.messages import prepared

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from penstock.text.tokenizer import TokenStream

#: Tokens 0 to 255 are the bytes, so that every text has an encoding.
_BYTES = [bytes([byte]) for byte in range(256)]
#: What words outside the vocabulary are spelt with: English then costs about two characters a token.
_PAIRS = ["".join(pair).encode() for pair in product(" " + ascii_lowercase, ascii_lowercase)]
_SYLLABLES = ["".join(pair) for pair in product("bdfghklmnprstvwz", "aeio")]
#: 4,096 pronounceable words, each with the space before it.
_WORDS = [f" {first}{second}".encode() for first, second in product(_SYLLABLES, _SYLLABLES)]
_SPELLINGS = [*_BYTES, *_PAIRS, *_WORDS]

EOS_ID = len(_SPELLINGS)
VOCABULARY_SIZE = EOS_ID + 1
WORD_IDS = range(EOS_ID - len(_WORDS), EOS_ID)

_ID_OF = {spelling.decode(): id_ for id_, spelling in enumerate(_SPELLINGS) if spelling.isascii()}
#: By `skip_special`.
_SPELLING_OF = {skip: dict(enumerate([*_SPELLINGS, b"" if skip else b"<|end|>"])) for skip in (True, False)}
_PIECE_OF = {skip: {id_: as_piece(raw) for id_, raw in table.items()} for skip, table in _SPELLING_OF.items()}
_NAME_OF = {id_: raw.decode() if raw.isascii() else f"<0x{raw[0]:02X}>" for id_, raw in _SPELLING_OF[False].items()}
_LONGEST = max(map(len, _SPELLINGS))
_SHORT = 16_384
_LONG_WORD = 64
_CHUNK = re.compile(r" ?[a-z]+|.", re.DOTALL)


class SimulatedTokenizer:
    """A fixed vocabulary of bytes, letter pairs and made-up words, and a chat template of one line per message."""

    @property
    def eos_ids(self) -> frozenset[int]:
        """The one token that ends a generation."""
        return frozenset((EOS_ID,))

    @property
    def longest_token(self) -> int:
        """A word and the space before it."""
        return _LONGEST

    def chat(self, conversation: Conversation) -> list[int]:
        """Render and encode a conversation. Raises InvalidRequestError."""
        return self.encode(self.render(conversation))

    def render(self, conversation: Conversation) -> str:
        """A conversation as `role:content` lines. Raises InvalidRequestError for content that is not text.

        The next turn's prompt begins with the tokens of this one's prompt and answer, as prefix caches like it.
        """
        check_conversation(conversation)
        messages = prepared(conversation.messages)
        text = "".join(f"{message['role']}:{as_text(message['content'])}\n" for message in messages)
        if conversation.continue_final_message:
            text = text.removesuffix("\n")
        elif conversation.add_generation_prompt:
            text += "assistant:"
        return text

    def encode(self, text: str, *, special: bool = True) -> list[int]:  # noqa: ARG002  (no begin-of-text token)
        """Token ids of a text: whole words where the vocabulary has them, letter pairs and bytes elsewhere."""
        ids: list[int] = []
        for chunk in _chunks(text):
            known = _ID_OF.get(chunk)
            if known is None:
                ids.extend(_spell(chunk))
            else:
                ids.append(known)
        return ids

    def decode(self, ids: Sequence[int], *, skip_special: bool = True) -> str:
        """The text of token ids; bytes that are no text become U+FFFD, and unknown tokens have none."""
        spelling_of = _SPELLING_OF[skip_special]
        return b"".join(spelling_of.get(id_, b"") for id_ in ids).decode(errors="replace")

    def names(self, ids: Sequence[int]) -> list[str]:
        """The spellings of tokens; a byte that is no text by itself is named by its number."""
        return [_NAME_OF.get(id_, "") for id_ in ids]

    def stream(self, *, skip_special: bool = True, prompt: Sequence[int] = ()) -> TokenStream:  # noqa: ARG002
        """A fresh incremental decoder; what came before makes no difference to this vocabulary."""
        return ByteStream(_PIECE_OF[skip_special])


def _chunks(text: str) -> Iterable[str]:
    """A text's words and other characters; of a long one one after the other, so that other threads run in between."""
    return _CHUNK.findall(text) if len(text) <= _SHORT else (found[0] for found in _CHUNK.finditer(text))


def _spell(chunk: str) -> tuple[int, ...]:
    # No word is long: what is would stay in memory.
    return _spell_word(chunk) if len(chunk) <= _LONG_WORD else _spell_pairs(chunk)


@lru_cache(maxsize=65536)
def _spell_word(chunk: str) -> tuple[int, ...]:
    return _spell_pairs(chunk)


def _spell_pairs(chunk: str) -> tuple[int, ...]:
    pairs = [chunk[start : start + 2] for start in range(0, len(chunk), 2)]
    return tuple(id_ for pair in pairs for id_ in _spell_pair(pair))


def _spell_pair(pair: str) -> tuple[int, ...]:
    known = _ID_OF.get(pair)
    return tuple(pair.encode()) if known is None else (known,)
