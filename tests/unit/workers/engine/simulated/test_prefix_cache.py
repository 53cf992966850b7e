from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from workers.engine.simulated.prefix_cache import Hold, PrefixCache


def acquire(cache: PrefixCache, prompt: range, total_tokens: int | None = None) -> Hold:
    hold = cache.acquire(prompt, total_tokens or len(prompt))
    assert hold is not None
    return hold


def test_a_prompt_seen_before_is_cached_but_for_its_last_token() -> None:
    cache = PrefixCache(blocks=10, block_size=4)
    assert acquire(cache, range(8)).cached_tokens == 0
    assert acquire(cache, range(8)).cached_tokens == 4
    assert acquire(cache, range(9)).cached_tokens == 8


def test_a_block_counts_only_with_everything_before_it() -> None:
    cache = PrefixCache(blocks=10, block_size=4)
    acquire(cache, range(8))
    assert acquire(cache, range(4, 12)).cached_tokens == 0


def test_what_was_generated_is_cached_for_the_next_turn() -> None:
    cache = PrefixCache(blocks=10, block_size=4)
    cache.release(acquire(cache, range(5), 12), range(12))
    assert acquire(cache, range(20)).cached_tokens == 12


def test_generations_share_the_blocks_of_a_common_beginning() -> None:
    cache = PrefixCache(blocks=10, block_size=4)
    acquire(cache, range(16), 20)
    acquire(cache, range(16), 20)
    assert cache.usage == 0.6


def test_without_room_nobody_is_let_in_until_blocks_are_given_back() -> None:
    cache = PrefixCache(blocks=4, block_size=4)
    first = acquire(cache, range(8), 12)
    assert cache.acquire(range(100, 108), 8) is None
    cache.release(first, range(12))
    assert cache.usage == 0.0
    acquire(cache, range(100, 108))


def test_the_least_recently_used_goes_first_and_a_chain_from_its_end() -> None:
    cache = PrefixCache(blocks=4, block_size=4)
    for prompt in (range(8), range(100, 108)):
        cache.release(acquire(cache, prompt), prompt)
    cache.release(acquire(cache, range(200, 204)), range(200, 204))
    assert acquire(cache, range(9)).cached_tokens == 4


@given(st.integers(0, 2**32))
def test_no_sequence_of_generations_leaks_or_overbooks_blocks(seed: int) -> None:
    chance = random.Random(seed)
    cache = PrefixCache(blocks=8, block_size=2)
    held: list[tuple[Hold, list[int]]] = []
    for _ in range(40):
        if held and chance.random() < 0.5:
            cache.release(*held.pop(chance.randrange(len(held))))
        else:
            prompt = [chance.randrange(2) for _ in range(chance.randint(1, 8))]
            tokens = prompt + [7] * chance.randint(1, 4)
            hold = cache.acquire(prompt, len(tokens))
            if hold is not None:
                assert 0 <= hold.cached_tokens < len(prompt)
                held.append((hold, tokens))
        assert 0.0 <= cache.usage <= 1.0
    for hold, tokens in held:
        cache.release(hold, tokens)
    assert cache.usage == 0.0
