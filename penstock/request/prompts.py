"""What of a checked body goes into its prompt."""

from __future__ import annotations

from collections.abc import Sequence

from penstock.errors import ContextLengthError
from penstock.request.body import Body, ChatBody, CompletionBody
from penstock.text.chat.conversation import Conversation, template_variables

#: Where a prompt is cut unless the request says otherwise: its end matters most.
_SIDE = "left"


def conversation(body: ChatBody) -> Conversation:
    """What the chat template is given."""
    return Conversation(
        messages=body.messages,
        tools=body.tools,
        documents=body.documents,
        add_generation_prompt=body.add_generation_prompt,
        continue_final_message=body.continue_final_message,
        add_special_tokens=body.add_special_tokens,
        variables=template_variables(body.chat_template_kwargs, body.reasoning_effort),
    )


def prompts(body: CompletionBody) -> Sequence[str | list[int]]:
    """What a completion continues: each a text or a list of token ids."""
    given = body.prompt
    return [given] if isinstance(given, str) or isinstance(given[0], int) else given


def truncated(prompt: Sequence[int], body: Body, context_tokens: int, begin: Sequence[int] = ()) -> Sequence[int]:
    """The prompt cut to `truncate_prompt_tokens`, as vLLM cuts it. Raises ContextLengthError.

    Of a text that `begin` was put in front of, the text is cut, unless the request names the side: then all of it is.
    """
    keep = body.truncate_prompt_tokens
    if keep is None:
        return prompt
    if keep > context_tokens:
        raise ContextLengthError(
            f"truncate_prompt_tokens is above this model's context of {context_tokens} tokens.",
            param="truncate_prompt_tokens",
        )
    if keep < 0:
        # One is left for the answer.
        keep = context_tokens - 1
    if len(prompt) <= keep:
        return prompt
    if body.truncation_side is None and len(begin) <= keep and list(prompt[: len(begin)]) == list(begin):
        return [*begin, *prompt[len(prompt) - keep + len(begin) :]]
    return prompt[len(prompt) - keep :] if (body.truncation_side or _SIDE) == "left" else prompt[:keep]
