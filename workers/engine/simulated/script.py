"""What the simulated engine generates: a pure function of prompt and sampling, for tests and judges to know it too.

Text comes from a fixed reservoir of segments: a dozen made-up words, an emoji or a CJK character cut into its bytes, a
full stop. Which segment comes n-th is drawn from a hash of the prompt, so that it needs nothing that came before.
"""

from __future__ import annotations

import hashlib
from array import array
from functools import cache
from itertools import chain
from random import Random
from typing import TYPE_CHECKING

from msgspec import Struct

from penstock.text.sim_tokenizer import EOS_ID, WORD_IDS
from workers.engine.base import Finish
from workers.engine.simulated.settings import SimulatedSettings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from penstock.request import Sampling

_SEGMENTS = 1024
_SEGMENT_TOKENS = 32
_CHARACTERS = "😀🚀🌊🐙🧭水門火山雲海道心"
_MASK = 2**64 - 1


class SimulatedScript(Struct, frozen=True):
    """A whole generation, decided before its first token."""

    tokens: list[int]
    finish: Finish
    #: The token that ends it, where one does.
    stop_token: int | None = None


def script(settings: SimulatedSettings, prompt: Sequence[int], sampling: Sampling) -> SimulatedScript:
    """Everything an engine of these settings generates for a prompt that fits its context.

    Penalties, top_p and the like, and logit_bias make no difference; stop strings are not the engine's matter.
    """
    draw = _hash(settings, prompt, sampling)
    limit = settings.max_model_len - len(prompt)
    natural = None
    if sampling.max_tokens is not None:
        limit = min(limit, sampling.max_tokens)
    elif not sampling.ignore_eos:
        spread = settings.natural_max_tokens - settings.natural_min_tokens + 1
        natural = max(settings.natural_min_tokens + draw % spread, sampling.min_tokens)
    tokens = _text(draw, limit if natural is None else min(limit, natural))
    if natural is not None and natural < limit:
        tokens.append(EOS_ID)
    return _cut_at_stop_token(tokens, sampling)


def prepare() -> None:
    """Build the reservoir, so that no generation has to wait for it."""
    _reservoir()


def _cut_at_stop_token(tokens: list[int], sampling: Sampling) -> SimulatedScript:
    stops = sampling.stop_token_ids
    if stops:
        end = next((n for n in range(sampling.min_tokens, len(tokens)) if tokens[n] in stops), None)
        if end is not None:
            return SimulatedScript(tokens[: end + 1], Finish.STOP, tokens[end])
    if tokens[-1] == EOS_ID:
        return SimulatedScript(tokens, Finish.STOP, EOS_ID)
    return SimulatedScript(tokens, Finish.LENGTH)


def _hash(settings: SimulatedSettings, prompt: Sequence[int], sampling: Sampling) -> int:
    """64 bits that stand for the request; like a model, it heeds the seed only where it samples."""
    seed = sampling.seed if sampling.temperature > 0 and sampling.seed is not None else 0
    digest = hashlib.blake2b(f"{settings.seed}/{seed}".encode(), digest_size=8)
    digest.update(array("I", prompt).tobytes())
    return int.from_bytes(digest.digest(), "little")


def _text(draw: int, length: int) -> list[int]:
    reservoir = _reservoir()
    segments = (reservoir[_mix(draw, n) % _SEGMENTS] for n in range(-(-length // _SEGMENT_TOKENS)))
    return list(chain.from_iterable(segments))[:length]


def _mix(draw: int, n: int) -> int:
    """The n-th number of a splitmix64 sequence that starts at `draw`."""
    bits = (draw + (n + 1) * 0x9E3779B97F4A7C15) & _MASK
    bits = ((bits ^ (bits >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    bits = ((bits ^ (bits >> 27)) * 0x94D049BB133111EB) & _MASK
    return bits ^ (bits >> 31)


@cache
def _reservoir() -> list[list[int]]:
    return [_segment(Random(number)) for number in range(_SEGMENTS)]  # noqa: S311  (a fixed text, no secret)


def _segment(random: Random) -> list[int]:
    cut = list(f" {random.choice(_CHARACTERS)}".encode())
    words = random.choices(WORD_IDS, k=_SEGMENT_TOKENS - len(cut) - 1)
    place = random.randrange(len(words))
    return [*words[:place], *cut, *words[place:], ord(".")]
