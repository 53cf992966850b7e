"""Stands in for vLLM's renderer where prompts are rendered already."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, Self

from vllm.entrypoints.openai.chat_completion.protocol import ChatCompletionRequest
from vllm.inputs import EngineInput, tokens_input
from vllm.renderers.online_renderer import OnlineRenderer

from workers.engine.serving import Prompt

#: The field by which vLLM takes a chat's prompt from whoever rendered it; it is emptied as it is read.
_GIVEN = "prompt_token_ids"


class Rendered(OnlineRenderer):
    """Gives vLLM's serving code our prompts; what else rendering does there (tools' grammars) is done by it."""

    prompts: Sequence[Prompt] = ()

    def of(self, prompts: Sequence[Prompt]) -> Self:
        """One that gives these."""
        rendered = copy.copy(self)
        rendered.prompts = prompts
        return rendered

    async def preprocess_chat(
        self, request: ChatCompletionRequest, messages: list[Any], *args: Any, **kwargs: Any
    ) -> tuple[list[Any], list[EngineInput]]:
        """A chat's prompt; the conversation is what serving was given of it."""
        echo, request.echo = request.echo, False
        request.kv_transfer_params = {_GIVEN: list(self.prompts[0].ids)}
        _, inputs = await super().preprocess_chat(request, [], *args, **kwargs)
        request.echo, request.kv_transfer_params = echo, None
        return messages, inputs

    def _make_request_with_harmony(self, *_: Any, **__: Any) -> tuple[list[Any], list[EngineInput]]:
        """The prompt of a chat with gpt-oss, which vLLM renders by another library."""
        return [], [tokens_input(list(self.prompts[0].ids))]

    async def preprocess_completion(self, *_: Any, **__: Any) -> list[EngineInput]:
        """A completion's prompts."""
        return [tokens_input(list(prompt.ids), prompt=prompt.text) for prompt in self.prompts]
