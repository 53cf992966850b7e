"""The shape of the demo model: a small Llama."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM

if TYPE_CHECKING:
    from models.training.packing import Batch

MAX_CONTEXT_TOKENS = 2048


def fresh(vocabulary_size: int, *, begin_id: int, end_id: int) -> LlamaForCausalLM:
    """A model with random weights: 2.7 million parameters, so that in 16 bits it takes 5.4 MB."""
    config = LlamaConfig(
        vocab_size=vocabulary_size,
        hidden_size=256,
        intermediate_size=448,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=64,
        max_position_embeddings=MAX_CONTEXT_TOKENS,
        rms_norm_eps=1e-5,
        tie_word_embeddings=True,
        bos_token_id=begin_id,
        eos_token_id=end_id,
        pad_token_id=end_id,
    )
    model = LlamaForCausalLM(config)
    model.generation_config = GenerationConfig(bos_token_id=begin_id, eos_token_id=end_id, pad_token_id=end_id)
    return model


def spoken_logits(model: LlamaForCausalLM, batch: Batch) -> tuple[Tensor, Tensor]:
    """Logits and targets where the model has something to say: (spoken, vocabulary) and (spoken,)."""
    hidden = model.model(input_ids=batch.ids, attention_mask=batch.mask, use_cache=False).last_hidden_state
    spoken = batch.targets >= 0
    logits: Tensor = model.lm_head(hidden[spoken])
    return logits, batch.targets[spoken]


def rounded(model: LlamaForCausalLM) -> LlamaForCausalLM:
    """The model with its weights as they are stored, in bfloat16, ready to compute in float32."""
    stored: LlamaForCausalLM = model.to(torch.bfloat16).to(torch.float32).eval()
    return stored
