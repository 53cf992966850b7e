"""Penstock answers as vLLM's own server does, whatever is asked and whichever way, or the list says why not."""

from __future__ import annotations

import pytest

from tests.differential.allowed import load
from tests.differential.report import lines, summary
from tests.differential.run import Outcome, run

#: All pairs take some minutes: `make differential` asks them.
_PAIRS_PER_TESTED = 4


@pytest.fixture(scope="module")
def outcome() -> Outcome:
    return run(pairs_per_tested=_PAIRS_PER_TESTED)


@pytest.mark.timeout(900)
def test_penstock_answers_as_vllm_does_or_the_list_says_why_not(outcome: Outcome) -> None:
    print(summary(outcome.cases, outcome.found))  # noqa: T201 - the figures of a run
    assert not outcome.found.unexplained, "\n".join(lines(outcome.found.unexplained))


@pytest.mark.timeout(900)
def test_every_entry_of_the_list_is_needed(outcome: Outcome) -> None:
    needed_by_pairs = [entry.reason for entry in load() if any("&" in case for case in entry.cases)]
    assert not {*outcome.found.idle} - {*needed_by_pairs}
