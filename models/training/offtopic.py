"""Questions about anything else, made up without end, so that the model learns to say what it does not know.

The corpus lists some by hand. These teach the rule behind them: a well-known frame around a word that belongs to no
topic of the corpus, be it a real word or an invented one, gets the fallback answer.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from random import Random

INVENTED_SHARE = 0.35
OPEN_SYLLABLE_SHARE = 0.2


class Material(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What questions are made of; all but the frames are words separated by blanks."""

    frames: tuple[str, ...]
    words: str
    verbs: str
    onsets: str
    vowels: str
    codas: str


MATERIAL = msgspec.yaml.decode(Path(__file__).with_suffix(".yaml").read_bytes(), type=Material)
WORDS, VERBS = MATERIAL.words.split(), MATERIAL.verbs.split()
ONSETS, VOWELS, CODAS = MATERIAL.onsets.split(), MATERIAL.vowels.split(), MATERIAL.codas.split()


def invent(random: Random) -> str:
    """A question that has nothing to do with the corpus."""
    return random.choice(MATERIAL.frames).format(
        a=_word(random), b=_word(random), do=random.choice(VERBS), number=random.randrange(2, 2000)
    )


def _word(random: Random) -> str:
    return _invented(random) if random.random() < INVENTED_SHARE else random.choice(WORDS)


def _invented(random: Random) -> str:
    return "".join(_syllable(random) for _ in range(random.randint(2, 3)))


def _syllable(random: Random) -> str:
    coda = "" if random.random() < OPEN_SYLLABLE_SHARE else random.choice(CODAS)
    return random.choice(ONSETS) + random.choice(VOWELS) + coda
