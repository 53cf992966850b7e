"""How much text one token of a HuggingFace vocabulary can stand for: longer than a context needs no encoding."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tokenizers.models import BPE

from penstock.text.hf_streams import BYTE_ALPHABET

if TYPE_CHECKING:
    from tokenizers import Tokenizer as Vocabulary

#: By kind: as many characters as may become one before there are tokens. Any other kind may drop what it likes.
_SHRINKS = {
    "ByteLevel": 1,
    "Digits": 1,
    "Metaspace": 1,
    "Prepend": 1,
    "Punctuation": 1,
    # The longest sequence that composes to one character, as in U+1F82.
    "NFC": 4,
}


def longest_token(vocabulary: Vocabulary) -> int | None:
    """The most characters that one token stands for; None where a text of any length may be few tokens."""
    shrinks = [_shrinkage(_state(step)) for step in (vocabulary.normalizer, vocabulary.pre_tokenizer)]
    added = vocabulary.get_added_tokens_decoder().values()
    # They take the spaces beside them, however many.
    is_greedy = any(token.lstrip or token.rstrip for token in added)
    names = vocabulary.get_vocab()
    if is_greedy or not _spells_everything(vocabulary.model, names):
        return None
    factor = 1
    for shrink in shrinks:
        if shrink is None:
            return None
        factor *= shrink
    return max(map(len, names)) * factor


def _spells_everything(model: Any, names: dict[str, int]) -> bool:
    """Whether no character is left out, or shares its token with all unknown ones."""
    if not isinstance(model, BPE):
        return False
    if model.byte_fallback:
        return all(f"<0x{byte:02X}>" in names for byte in range(256))
    return all(character in names for character in BYTE_ALPHABET)


def _state(step: Any) -> dict[str, Any]:
    """A normalizer or pre-tokenizer as tokenizer.json has it."""
    return dict(json.loads(step.__getstate__())) if step is not None else {"type": "Sequence"}


def _shrinkage(state: dict[str, Any]) -> int | None:
    kind = state["type"]
    if kind == "Sequence":
        factor = 1
        for step in state.get("normalizers", state.get("pretokenizers", ())):
            shrink = _shrinkage(step)
            if shrink is None:
                return None
            factor *= shrink
        return factor
    if kind == "Split":
        return None if state["behavior"] == "Removed" else 1
    if kind == "Replace":
        pattern = state["pattern"].get("String")
        return 1 if pattern is not None and len(pattern) <= len(state["content"]) else None
    return _SHRINKS.get(kind)
