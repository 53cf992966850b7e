"""Fields of `/v1/responses` and of the chat endpoint that are not offered there, and those that have no effect."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Raw

from penstock.request import foreign
from penstock.request.foreign import check_foreign

#: Fields of a chat request that this endpoint takes as they are, beyond OpenAI's own.
PASSED_ON = frozenset(
    {
        "add_special_tokens",
        "allowed_token_ids",
        "bad_words",
        "chat_template_kwargs",
        "documents",
        "frequency_penalty",
        "ignore_eos",
        "include_reasoning",
        "include_stop_str_in_output",
        "logit_bias",
        "min_p",
        "min_tokens",
        "presence_penalty",
        "repetition_penalty",
        "seed",
        "skip_special_tokens",
        "stop",
        "stop_token_ids",
        "structured_outputs",
        "top_k",
        "truncate_prompt_tokens",
        "truncation_side",
    }
)
#: Name -> the values beside null that change nothing.
REFUSED: dict[str, tuple[Any, ...]] = {
    **foreign.REFUSED,
    "add_generation_prompt": (True,),
    "background_options": ({},),
    "context_management": ([],),
    "continue_final_message": (False,),
    "conversation": (),
    "echo": (False,),
    "logprobs": (False,),
    "max_completion_tokens": (),
    "max_tokens": (),
    "messages": (),
    "moderation": (),
    "n": (1,),
    "prompt": (),
    "prompt_logprobs": (),
    "reasoning_effort": (),
    "response_format": (),
    "return_token_ids": (False,),
    "return_tokens_as_token_ids": (False,),
}
#: What an answer does not depend on; the tool calls that `max_tool_calls` counts are those of OpenAI's own tools.
HARMLESS = foreign.HARMLESS | {"access_programs", "image", "max_tool_calls", "prompt_cache_options", "stream_options"}
#: What to do instead, where there is something.
INSTEAD = {
    **foreign.INSTEAD,
    "conversation": "use previous_response_id",
    "logprobs": "use include, or top_logprobs",
    "max_completion_tokens": "use max_output_tokens",
    "max_tokens": "use max_output_tokens",
    "messages": "use input",
    "prompt": "use input",
    "reasoning_effort": "use reasoning.effort",
    "response_format": "use text.format",
}


def check_responses_foreign(fields: Mapping[str, Raw]) -> None:
    """Raise InvalidRequestError for a field that would have to be obeyed."""
    check_foreign(fields, REFUSED, INSTEAD)
