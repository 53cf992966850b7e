"""Blocks of KV cache: those that running generations hold, and those kept for later prompts with the same beginning."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Sequence


class Hold(Struct, kw_only=True):
    """The blocks one generation holds."""

    #: Hashes of the prompt's full blocks; each covers everything before it too.
    chain: list[int]
    #: Blocks whose content nobody else can use yet.
    private: int
    cached_tokens: int


class PrefixCache:
    """A fixed number of blocks; content stays findable by its hash until the least recently used must make room."""

    def __init__(self, blocks: int, block_size: int) -> None:
        self._blocks = blocks
        self._block_size = block_size
        self._holders: dict[int, int] = {}
        self._private = 0
        #: Least recently used first.
        self._idle: dict[int, None] = {}

    @property
    def usage(self) -> float:
        """The share of blocks that running generations hold, 0 to 1."""
        return self._held / self._blocks

    @property
    def _held(self) -> int:
        return len(self._holders) + self._private

    def acquire(self, prompt: Sequence[int], total_tokens: int) -> Hold | None:
        """Hold blocks for a generation that will be `total_tokens` long in the end; None while there is no room."""
        chain = self._extend([], prompt)
        total = -(-total_tokens // self._block_size)
        new = total - sum(hash_ in self._holders for hash_ in chain)
        if self._held + new > self._blocks:
            return None
        hold = Hold(chain=chain, private=total - len(chain), cached_tokens=self._cached_tokens(chain, len(prompt)))
        for hash_ in chain:
            self._idle.pop(hash_, None)
            self._holders[hash_] = self._holders.get(hash_, 0) + 1
        self._private += hold.private
        self._evict()
        return hold

    def release(self, hold: Hold, tokens: Sequence[int]) -> None:
        """Give the blocks back; the content of `tokens`, the prompt and what was generated, stays findable."""
        self._private -= hold.private
        for hash_ in hold.chain:
            self._holders[hash_] -= 1
            if not self._holders[hash_]:
                del self._holders[hash_]
        # The end of a chain is of no use without its beginning, so it is the first to go.
        for hash_ in reversed(self._extend(hold.chain, tokens)):
            if hash_ not in self._holders:
                self._idle.pop(hash_, None)
                self._idle[hash_] = None
        self._evict()

    def _cached_tokens(self, chain: list[int], prompt_tokens: int) -> int:
        """How far the cache reaches into a prompt; its last token is always computed, to have something to sample."""
        usable = chain[: (prompt_tokens - 1) // self._block_size]
        missing = (
            index for index, hash_ in enumerate(usable) if hash_ not in self._holders and hash_ not in self._idle
        )
        return next(missing, len(usable)) * self._block_size

    def _extend(self, chain: list[int], tokens: Sequence[int]) -> list[int]:
        size = self._block_size
        chain = list(chain)
        for start in range(len(chain) * size, len(tokens) - size + 1, size):
            chain.append(hash((chain[-1] if chain else 0, *tokens[start : start + size])))
        return chain

    def _evict(self) -> None:
        while self._held + len(self._idle) > self._blocks:
            del self._idle[next(iter(self._idle))]
