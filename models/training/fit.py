"""The training loop."""

from __future__ import annotations

import math
import time
from itertools import islice
from typing import TYPE_CHECKING

import structlog
import torch
from torch.nn.functional import cross_entropy

from models.training.network import spoken_logits

if TYPE_CHECKING:
    from collections.abc import Iterator

    from transformers import LlamaForCausalLM

    from models.training.packing import Batch

PEAK_LEARNING_RATE = 2e-3
WARMUP_STEPS = 40
REPORT_STEPS = 25
log = structlog.get_logger()


def fit(model: LlamaForCausalLM, batches: Iterator[Batch], steps: int) -> None:
    """Train in place for `steps` batches, in mixed precision, with a learning rate that ends at zero."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=PEAK_LEARNING_RATE, betas=(0.9, 0.98), weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _share_of_peak(step, steps))
    started = time.monotonic()
    model.train()
    for step, batch in enumerate(islice(batches, steps), start=1):
        with torch.autocast("cpu", torch.bfloat16):
            logits, targets = spoken_logits(model, batch)
        loss = cross_entropy(logits.float(), targets)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        if step % REPORT_STEPS == 0:
            elapsed_s = round(time.monotonic() - started)
            log.info("trained", step=step, of=steps, loss=round(loss.item(), 4), elapsed_s=elapsed_s)


def _share_of_peak(step: int, steps: int) -> float:
    warmed = min(1.0, (step + 1) / WARMUP_STEPS)
    return warmed * 0.5 * (1 + math.cos(math.pi * min(1.0, step / steps)))
