"""Text to token ids and back: what the tokenizer service and the engines share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from penstock.text.chat.conversation import Conversation


class TokenStream(Protocol):
    """Turns the tokens of one generation into text, one token at a time."""

    def step(self, token: int) -> str:
        """The text this token completes; empty while a character is still in pieces."""


class Tokenizer(Protocol):
    """One model's vocabulary and chat template."""

    @property
    def eos_ids(self) -> frozenset[int]:
        """Tokens that end a generation."""

    @property
    def longest_token(self) -> int | None:
        """The most characters that one token stands for; None where a text of any length may be few tokens."""

    def render(self, conversation: Conversation) -> str:
        """The text of a conversation's prompt, by the model's template. Raises InvalidRequestError."""

    def chat(self, conversation: Conversation) -> list[int]:
        """Render a conversation with the model's template and encode it. Raises InvalidRequestError."""

    def encode(self, text: str, *, special: bool = True) -> list[int]:
        """Token ids of a text; `special` adds the model's begin-of-text token."""

    def decode(self, ids: Sequence[int], *, skip_special: bool = True) -> str:
        """The text of token ids."""

    def names(self, ids: Sequence[int]) -> list[str]:
        """The vocabulary's own names of tokens; empty for a token beyond it."""

    def stream(self, *, skip_special: bool = True, prompt: Sequence[int] = ()) -> TokenStream:
        """A fresh incremental decoder of what follows `prompt`."""
