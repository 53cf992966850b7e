"""Whether a model folder's tokenizer.json gives the tokens that the model's own library gives."""

from __future__ import annotations

from collections.abc import Callable

from penstock.text.hf_tokenizer import HfTokenizer

#: Short, and of every kind that libraries treat otherwise than each other: spaces and line breaks, digits, marks,
#: words with their capitals and contractions, other scripts, emoji in several pieces, bytes, and an empty text.
TEXTS = (
    "",
    "Hello",
    " Hello",
    "Hello, world! It's 12345678 o'clock, isn't it?",
    "a  b   c\n\nd\r\n\te \n",
    "   ",
    "naïve café ﬁ ① Å",
    "日本語のテキスト。水門",
    "Здравствуй, мир. שלום مرحبا",
    "👩\u200d👩\u200d👧 🌊",
    "def f(x):\n    return x ** 2  # 3.14e-10\n",
    "\u0000\u00a0\u2581_<unk>",
)


def difference(ours: HfTokenizer, encode: Callable[[str], list[int]]) -> str | None:
    """A sentence on the first text that `encode` gives other tokens for, or None.

    `encode` is the model's own library's, begin-of-text and special tokens included.
    """
    for text in (*TEXTS, *_special_texts(ours)):
        mine, theirs = ours.encode(text), encode(text)
        if mine != theirs:
            return (
                f"The folder's tokenizer.json gives {_shown(mine)} for the text {text!r}, and the model's library "
                f"{_shown(theirs)}: the library builds this tokenizer otherwise than the file says."
            )
    return None


def _special_texts(ours: HfTokenizer) -> list[str]:
    """The special tokens inside a text, where they may take the spaces around them."""
    return [f"a {token} b{token}{token}c" for token in ours.special_tokens[:_MAX_SPECIAL_TEXTS]]


#: Some vocabularies have thousands of reserved ones, which are all alike.
_MAX_SPECIAL_TEXTS = 16
_SHOWN_TOKENS = 8


def _shown(ids: list[int]) -> str:
    return f"tokens {ids}" if len(ids) <= _SHOWN_TOKENS else f"tokens {[*ids[:_SHOWN_TOKENS]]} and so on"
