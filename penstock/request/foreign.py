"""Fields that other servers know and this one does not offer.

What would change the answer's meaning is refused, unless it has the value that changes nothing. All else is ignored:
what has no effect on an answer anywhere, and what nobody knows, whose names the client is told.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Raw

from penstock.errors import InvalidRequestError
from penstock.json_body import json_fault

#: Of vLLM and OpenAI: name -> the values beside null that change nothing.
REFUSED: dict[str, tuple[Any, ...]] = {
    "audio": (),
    "cache_salt": (),
    # A client's template would run on the server.
    "chat_template": (),
    "ec_transfer_params": ({},),
    "function_call": ("none",),
    "functions": ([],),
    "guided_choice": (),
    "guided_grammar": (),
    "guided_json": (),
    "guided_regex": (),
    "kv_transfer_params": ({},),
    "logits_processors": ([],),
    # The engine would give them to the requests that run beside it too.
    "logprob_token_ids": ([],),
    "media_io_kwargs": ({},),
    "mm_processor_kwargs": ({},),
    "modalities": (["text"], []),
    "priority": (0,),
    "prompt_embeds": ([],),
    "repetition_detection": (),
    "return_prompt_text": (False,),
    "thinking_token_budget": (-1,),
    "use_beam_search": (False,),
    "vllm_xargs": ({},),
    "watermarking": (False,),
    "web_search_options": (),
}
#: Of vLLM and OpenAI too: what an answer does not depend on.
HARMLESS = frozenset(
    {
        "length_penalty",
        "metadata",
        "mm_payload",
        "prediction",
        "prompt_cache_key",
        "prompt_cache_retention",
        "request_id",
        "return_mm_kwargs",
        "return_token_offsets",
        "routed_experts_prompt_start",
        "safety_identifier",
        "session_id",
        "spaces_between_special_tokens",
        "stream_interval",
        "user",
    }
)
#: What to do instead, where there is something.
INSTEAD = {
    "chat_template": "the operator sets the template of a pool (`options.chat_template`)",
    "function_call": "use tool_choice",
    "functions": "use tools",
    "guided_choice": "use structured_outputs",
    "guided_grammar": "use structured_outputs",
    "guided_json": "use structured_outputs",
    "guided_regex": "use structured_outputs",
    "priority": "the order of service is the job's class",
    "use_beam_search": "use n, or a temperature of 0",
}


def check_foreign(
    fields: Mapping[str, Raw],
    refused: Mapping[str, tuple[Any, ...]] = REFUSED,
    instead_of: Mapping[str, str] = INSTEAD,
) -> None:
    """Raise InvalidRequestError for a field that would have to be obeyed."""
    for name in refused.keys() & fields.keys():
        value = _decoded(fields[name])
        if value is not None and not any(_is_same(value, harmless) for harmless in refused[name]):
            instead = f": {instead_of[name]}" if name in instead_of else ""
            raise InvalidRequestError(f"{name} is not offered here{instead}.", param=name)


def _is_same(value: Any, other: Any) -> bool:
    """As JSON has it, where false is no 0."""
    return bool(value == other) and isinstance(value, bool) is isinstance(other, bool)


def _decoded(raw: Raw) -> Any:
    """A field that no type has looked at yet. Raises InvalidRequestError."""
    try:
        return msgspec.json.decode(raw)
    except (msgspec.DecodeError, RecursionError) as error:
        raise json_fault(bytes(raw), error) from None
