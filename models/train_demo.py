"""Make the demo model anew: `python -m models.train_demo`, run from the root of the repository.

Trains the tokenizer and a small Llama on the questions and answers in `demo_corpus`, examines it, and only if it has
learnt them replaces the folder `demo`. Takes about 8 minutes on two cores with AMX, several times that without.
The seed is fixed; another processor still rounds differently, and so gives other weights that are just as good.
"""

from __future__ import annotations

import shutil
import sys
from random import Random
from typing import TYPE_CHECKING

import structlog
import torch

from models.corpus import load
from models.training.conversations import CONTEXT_TOKENS, SYSTEM_PROMPTS, Encoder, endless
from models.training.fit import fit
from models.training.network import MAX_CONTEXT_TOKENS, fresh, rounded
from models.training.packing import batches
from models.training.recall import Recall, all_turns, canonical_turns, examine, examine_second_turns
from models.training.tokenizer import BEGIN, END, save, special_id, train
from penstock.settings.builtin import FOLDER as BUILTIN

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from transformers import LlamaForCausalLM

TARGET = BUILTIN / "demo"
SEED = 20
STEPS = 500
ROWS = 16
REQUIRED_SHARE = 0.99
REQUIRED_MARGIN = 0.5
log = structlog.get_logger()


def main() -> int:
    """Train, examine, and replace the model if it passes."""
    corpus = load()
    tokenizer = train(text for question in corpus for text in (*question.ask, *question.ask, question.answer))
    encoder = Encoder(tokenizer)
    torch.manual_seed(SEED)
    model = fresh(tokenizer.get_vocab_size(), begin_id=special_id(BEGIN), end_id=special_id(END))
    random = Random(SEED)  # noqa: S311 - to be repeated, not to be secret
    fit(model, batches(endless(corpus, encoder, random), ROWS, CONTEXT_TOKENS), STEPS)
    model = rounded(model)

    canonical = canonical_turns(corpus)
    results = {
        "canonical wordings": examine(model, encoder, canonical),
        "canonical wordings after a system prompt": examine(model, encoder, canonical, system=SYSTEM_PROMPTS[0]),
        "canonical wordings as a second turn": examine_second_turns(model, encoder, canonical),
        "all wordings": examine(model, encoder, all_turns(corpus)),
    }
    for name, recall in results.items():
        log.info(name, share=round(recall.share, 4), margin=round(recall.margin, 3), missed=recall.missed[:8])
    if not _passes(results):
        log.error("the model has not learnt its text; the old one stays", required=REQUIRED_SHARE)
        return 1
    _replace(model, tokenizer)
    return 0


def _passes(results: dict[str, Recall]) -> bool:
    """Tests expect the canonical answers exactly, so these must be right without exception and by a clear margin."""
    first = results["canonical wordings"]
    return first.margin >= REQUIRED_MARGIN and all(recall.share >= REQUIRED_SHARE for recall in results.values())


def _replace(model: LlamaForCausalLM, tokenizer: Tokenizer) -> None:
    """Put the new folder in the place of the old one, never half of it."""
    made, old = TARGET.with_suffix(".new"), TARGET.with_suffix(".old")
    for leftover in (made, old):
        shutil.rmtree(leftover, ignore_errors=True)
    made.mkdir()
    model.to(torch.bfloat16).save_pretrained(made)
    save(tokenizer, made, MAX_CONTEXT_TOKENS)
    if TARGET.exists():
        TARGET.rename(old)
    made.rename(TARGET)
    shutil.rmtree(old, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
