"""The examination: does the model say every answer, token for token, and how sure is it?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from models.training.conversations import Encoded, Encoder, Turn
from models.training.network import spoken_logits
from models.training.packing import pack

if TYPE_CHECKING:
    from collections.abc import Sequence

    from transformers import LlamaForCausalLM

    from models.corpus import Question

PAPERS_AT_ONCE = 32


@dataclass(frozen=True, slots=True)
class Recall:
    """What came of an examination."""

    asked: int
    missed: tuple[str, ...]
    #: The smallest distance, in logits, between a right token and the best wrong one.
    margin: float

    @property
    def share(self) -> float:
        """Which part of the answers was exact."""
        return 1 - len(self.missed) / self.asked


def examine(model: LlamaForCausalLM, encoder: Encoder, turns: Sequence[Turn], *, system: str | None = None) -> Recall:
    """Ask each question in a chat of its own."""
    return _examine(model, [(turn.question, encoder.conversation([turn], system)) for turn in turns])


def examine_second_turns(model: LlamaForCausalLM, encoder: Encoder, turns: Sequence[Turn]) -> Recall:
    """Ask each question after another one in the same chat."""
    before = [*turns[-1:], *turns[:-1]]
    pairs = zip(before, turns, strict=True)
    return _examine(model, [(turn.question, encoder.conversation([first, turn])) for first, turn in pairs])


def canonical_turns(corpus: Sequence[Question]) -> list[Turn]:
    """Each question once, in its canonical wording."""
    return [Turn(question.canonical, question.answer) for question in corpus]


def all_turns(corpus: Sequence[Question]) -> list[Turn]:
    """Each question in each of its wordings."""
    return [Turn(wording, question.answer) for question in corpus for wording in question.ask]


def _examine(model: LlamaForCausalLM, papers: Sequence[tuple[str, Encoded]]) -> Recall:
    margins = [
        margin
        for start in range(0, len(papers), PAPERS_AT_ONCE)
        for margin in _margins(model, [encoded for _, encoded in papers[start : start + PAPERS_AT_ONCE]])
    ]
    missed = tuple(question for (question, _), margin in zip(papers, margins, strict=True) if margin <= 0)
    return Recall(len(papers), missed, min(margins))


@torch.no_grad()
def _margins(model: LlamaForCausalLM, papers: Sequence[Encoded]) -> list[float]:
    """How far the right token leads at each paper's tightest place; not above zero if greedy decoding would go astray.

    As long as each token is the most likely one after the right tokens before it, greedy decoding says exactly these,
    so that one pass over the whole text is as good as generating it.
    """
    batch = pack([[paper] for paper in papers], max(len(paper.ids) for paper in papers))
    logits, targets = spoken_logits(model, batch)
    right = logits.gather(1, targets[:, None])
    best_wrong = logits.scatter(1, targets[:, None], -torch.inf).max(dim=1, keepdim=True).values
    paper_of_token = (batch.targets >= 0).nonzero()[:, 0]
    tightest = torch.full((len(papers),), torch.inf)
    margins: list[float] = tightest.scatter_reduce(0, paper_of_token, (right - best_wrong)[:, 0], "amin").tolist()
    return margins
