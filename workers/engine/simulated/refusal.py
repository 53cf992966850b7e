"""What the simulated engine cannot do, said to the client in the words a real one would use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penstock.errors import ContextLengthError, InvalidRequestError
from penstock.text.sim_tokenizer import VOCABULARY_SIZE

if TYPE_CHECKING:
    from workers.engine.base import Generation
    from workers.engine.simulated.settings import SimulatedSettings


def refuse_unfit(generation: Generation, settings: SimulatedSettings) -> None:
    """Raises InvalidRequestError for what cannot be generated, ContextLengthError for a prompt that leaves no room."""
    if generation.sampling.n > 1:
        raise InvalidRequestError("The simulated engine does not support n above 1.", param="n")
    constraint = generation.sampling.constraint
    if constraint is not None:
        raise InvalidRequestError("The simulated engine does not support structured outputs.", param=constraint.field)
    for name, value in (
        ("allowed_token_ids", generation.sampling.allowed_token_ids),
        ("bad_words", generation.sampling.bad_words),
    ):
        if value:
            raise InvalidRequestError(f"The simulated engine does not support {name}.", param=name)
    prompt, limit = generation.prompt, settings.max_model_len
    if not prompt:
        raise InvalidRequestError("The prompt must not be empty.", param="prompt")
    if max(prompt) >= VOCABULARY_SIZE:
        raise InvalidRequestError(f"Token ids end at {VOCABULARY_SIZE - 1}, got {max(prompt)}.", param="prompt")
    if len(prompt) >= limit:
        raise ContextLengthError(
            f"This model's maximum context length is {limit} tokens, and the prompt has {len(prompt)}: shorten it so "
            "that at least one token can be generated.",
            param="prompt",
        )
