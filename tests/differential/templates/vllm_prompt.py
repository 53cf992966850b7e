"""The text that vLLM makes of a conversation, by its own functions, for a model of text alone."""

from __future__ import annotations

import copy
from types import SimpleNamespace
from typing import Any

from tests.differential.templates.conversations import Case
from tests.differential.templates.reference import SPECIAL_TOKENS

_MODEL = SimpleNamespace(multimodal_config=None, enable_prompt_embeds=False)


def vllm_prompt(source: str, case: Case) -> str | None:
    """None where vLLM or the template refuses."""
    from transformers.utils.chat_template_utils import render_jinja_template
    from vllm.renderers import hf
    from vllm.renderers.chat_utils import parse_chat_messages

    options: dict[str, Any] = {"add_generation_prompt": True, **SPECIAL_TOKENS, **case.fields}
    options |= options.pop("variables", {})
    try:
        form = hf._detect_content_format(source, default="string")
        messages, _, _ = parse_chat_messages(copy.deepcopy(_accepted(case.sent)), _MODEL, form)
        if not hf._detect_developer_role_support(source) and any(one["role"] == "developer" for one in messages):
            messages = hf._consolidate_system_messages(hf._convert_developer_to_system(messages))
        [text], _ = render_jinja_template([messages], chat_template=source, **options)
    except Exception:  # noqa: BLE001  (whatever a template trips over)
        return None
    return str(text)


def _accepted(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """As vLLM's own check of a request leaves them: an answer's reasoning has its new name."""
    return [
        {**one, "reasoning": one.get("reasoning") or one["reasoning_content"]} if "reasoning_content" in one else one
        for one in messages
    ]
