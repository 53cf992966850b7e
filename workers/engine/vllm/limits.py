"""Whether a generation fits the model's context."""

from __future__ import annotations

from penstock.errors import ContextLengthError
from workers.engine.base import Generation


def is_complete(generation: Generation, max_model_len: int) -> bool:
    """Whether nothing is left to generate after what was done before. Raises ContextLengthError if it never fitted."""
    prompt, limit = len(generation.prompt), generation.sampling.max_tokens
    if prompt >= max_model_len:
        raise ContextLengthError(
            f"This model's maximum context length is {max_model_len} tokens; the prompt alone has {prompt}."
        )
    done = len(generation.done)
    return done > 0 and done >= min(max_model_len - prompt, limit or max_model_len)
