"""What a continued generation needs so that it goes on as if it had never been cut."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

_SEED_BITS = 63
#: 2^64 divided by the golden ratio: spreads neighbouring numbers over all bits.
_SPREAD = 0x9E3779B97F4A7C15


def continued_seed(seed: int | None, done: int) -> int | None:
    """The seed from the `done`-th token on; drawing anew from the first seed would repeat the first tokens' luck."""
    if seed is None or done == 0:
        return seed
    return (seed ^ (done * _SPREAD)) & ((1 << _SEED_BITS) - 1)


def continued_bias(
    bias: Mapping[int, float], done: Sequence[int], frequency_penalty: float, presence_penalty: float
) -> dict[int, float] | None:
    """`bias` plus the penalties that `done` has earned: vLLM takes `done` for prompt, which these two do not count.

    Together with a repetition penalty the sum is not exact: vLLM scales the bias by it, but not the penalties.
    """
    if not (frequency_penalty or presence_penalty):
        return dict(bias) or None
    earned = {token: -frequency_penalty * count - presence_penalty for token, count in Counter(done).items()}
    return {token: bias.get(token, 0.0) + earned.get(token, 0.0) for token in bias.keys() | earned.keys()} or None
