"""The text of one generation, token by token: what a worker journals and an ingress streams."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workers.engine.base import Finish
from workers.job.stop_strings import StopStrings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from penstock.request import Sampling
    from penstock.text.tokenizer import Tokenizer


class Transcript:
    """Turns a generation's tokens into pieces of text, one per token, and ends it at a stop string.

    The pieces depend on the tokens alone and not on how they were grouped or on which worker they were made: another
    worker replays the tokens so far and goes on with the same pieces. A piece is empty while a character is
    incomplete or the text may be the beginning of a stop string.
    """

    __slots__ = (
        "_min_tokens",
        "_show_stop_token",
        "_stop_token_ids",
        "_stops",
        "count",
        "finish",
        "step",
        "stop_reason",
    )

    def __init__(self, tokenizer: Tokenizer, sampling: Sampling, prompt: Sequence[int]) -> None:
        #: The text that one token more completes.
        self.step = tokenizer.stream(skip_special=sampling.skip_special_tokens, prompt=prompt).step
        self._stops = StopStrings(sampling.stop, include=sampling.include_stop) if sampling.stop else None
        self._min_tokens = sampling.min_tokens
        self._show_stop_token = sampling.include_stop
        self._stop_token_ids = sampling.stop_token_ids
        #: Tokens fed so far; those after a stop string are not.
        self.count = 0
        #: Why the generation ended; a stop string overrules what the engine said.
        self.finish: Finish | None = None
        #: The stop string, or the token of `stop_token_ids`, that ended it.
        self.stop_reason: str | int | None = None

    def feed(self, tokens: Sequence[int], finish: Finish | None = None, stop_token: int | None = None) -> list[str]:
        """One piece per token; fewer if a stop string is complete before the last, and none once it has ended.

        `finish` and `stop_token` are the engine's. The text kept back comes out with the last token's piece, so that
        token must be journaled together with the end: whoever replays it without would keep that text back again.
        """
        if self.finish is not None:
            return []
        pieces = self._pieces(tokens) if finish is None else self._last_pieces(tokens, finish, stop_token)
        self.count += len(pieces)
        return pieces

    @property
    def is_free(self) -> bool:
        """Whether it goes on until the engine ends it."""
        return self._stops is None and self.finish is None

    def replay(self, tokens: Sequence[int]) -> None:
        """Take the tokens that another worker has already turned into pieces. They may contain a stop string."""
        self.feed(tokens)

    def _pieces(self, tokens: Sequence[int]) -> list[str]:
        step = self.step
        if self._stops is None:
            return [step(token) for token in tokens]
        pieces: list[str] = []
        for index, token in enumerate(tokens, start=self.count):
            pieces.append(self._stops.push(step(token), may_stop=index >= self._min_tokens))
            if self._stops.found is not None:
                self.finish = Finish.STOP
                self.stop_reason = self._stops.found
                break
        return pieces

    def _last_pieces(self, tokens: Sequence[int], finish: Finish, stop_token: int | None) -> list[str]:
        hides_last = bool(tokens) and tokens[-1] == stop_token and not self._show_stop_token
        pieces = self._pieces(tokens[:-1] if hides_last else tokens)
        if self.finish is not None:
            return pieces
        self.finish = finish
        self.stop_reason = stop_token if stop_token in self._stop_token_ids else None
        held = "" if self._stops is None else self._stops.flush()
        if hides_last:
            pieces.append(held)
        elif pieces:
            pieces[-1] += held
        return pieces
