"""The body of `POST /v1/responses`: every field of its own, typed and in its range."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from penstock.request.body import Positive, Scores
from penstock.request.job_request import Metadata
from penstock.request.limits import MAX_INPUT_ITEMS, MAX_TOOLS

#: What OpenAI's API may be asked to add to an answer. All but the log probabilities are of tools that run at OpenAI, or
#: of reasoning that its client may not read; here reasoning is text.
Includable = Literal[
    "code_interpreter_call.outputs",
    "computer_call_output.output.image_url",
    "file_search_call.results",
    "message.input_image.image_url",
    "message.output_text.logprobs",
    "reasoning.encrypted_content",
    "web_search_call.action.sources",
    "web_search_call.results",
]


class TextFormat(Struct):
    """`text.format`: free text, any JSON, or JSON of a schema."""

    type: Literal["text", "json_object", "json_schema"]
    name: str | None = None
    schema: dict[str, Any] | None = None
    description: str | None = None
    strict: bool | None = None


class TextConfig(Struct):
    """`text`."""

    format: TextFormat | None = None
    verbosity: Literal["low", "medium", "high"] | None = None


class ReasoningConfig(Struct):
    """`reasoning`."""

    effort: Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"] | None = None
    summary: Literal["auto", "concise", "detailed"] | None = None
    generate_summary: Literal["auto", "concise", "detailed"] | None = None


class ResponsesBody(Struct, kw_only=True):
    """`POST /v1/responses`."""

    model: str
    #: A text of the user's, or items; `items.py` tells these apart.
    input: str | Annotated[list[dict[str, Any]], Meta(min_length=1, max_length=MAX_INPUT_ITEMS)]
    instructions: str | None = None
    previous_response_id: str | None = None
    background: bool | None = None
    store: bool | None = None
    stream: bool | None = None
    include: list[Includable] | None = None
    max_output_tokens: Positive | None = None
    metadata: Metadata | None = None
    parallel_tool_calls: bool | None = None
    reasoning: ReasoningConfig | None = None
    service_tier: Literal["auto", "default", "flex", "priority", "scale"] | None = None
    temperature: Annotated[float, Meta(ge=0.0, le=2.0)] | None = None
    text: TextConfig | None = None
    tool_choice: str | dict[str, Any] | None = None
    tools: Annotated[list[dict[str, Any]], Meta(max_length=MAX_TOOLS)] | None = None
    top_logprobs: Scores | None = None
    top_p: Annotated[float, Meta(gt=0.0, le=1.0)] | None = None
    truncation: Literal["auto", "disabled"] | None = None
    # Without an effect; an answer repeats them.
    prompt_cache_key: str | None = None
    safety_identifier: str | None = None
    user: str | None = None

    @property
    def is_stored(self) -> bool:
        """Whether it may be asked for later."""
        return self.store is not False

    @property
    def tells_logprobs(self) -> bool:
        """Whether the answer has log probabilities."""
        return bool(self.top_logprobs) or "message.output_text.logprobs" in (self.include or ())
