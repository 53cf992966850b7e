"""One run: all cases of the corpus, or those whose names hold a word."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.differential import allowed
from tests.differential.allowed import Sorted
from tests.differential.asking import Cache, ask_all
from tests.differential.cases import Case, load
from tests.differential.judge import Difference, judge
from tests.differential.servers import Servers, running


@dataclass(frozen=True)
class Outcome:
    """What was asked, and what the judge found."""

    cases: Sequence[Case]
    differences: Sequence[Difference]
    found: Sorted


def run(word: str = "", cache_file: Path | None = None, *, pairs_per_tested: int = 1) -> Outcome:
    """Start the servers, ask, judge, and hold the differences against the list.

    Of so many pairs one is asked; of the other cases all.
    """
    found = [case for case in load() if word in case.name]
    pairs = [case for case in found if case.is_pair][::pairs_per_tested]
    cases = [*(case for case in found if not case.is_pair), *pairs]
    cache = Cache(cache_file)
    with running(with_vllm=not cache.knows(cases)) as servers:
        return judged(servers, cases, cache)


def judged(servers: Servers, cases: Sequence[Case], cache: Cache) -> Outcome:
    """The same with servers that run."""
    answers = asyncio.run(ask_all(servers, cases, cache))
    cache.save()
    differences = [one for case, asked in zip(cases, answers, strict=True) for one in judge(case, asked)]
    return Outcome(cases, differences, allowed.sort(differences, allowed.load()))
