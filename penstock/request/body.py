"""The bodies of the two generating endpoints: every field that is obeyed, typed and in its range."""

from __future__ import annotations

import enum
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from penstock.request.limits import (
    MAX_ALLOWED_TOKENS,
    MAX_BAD_WORDS,
    MAX_CHOICES,
    MAX_DOCUMENTS,
    MAX_LOGPROBS,
    MAX_MESSAGES,
    MAX_STOP_TOKENS,
    MAX_TOKEN_ID,
    MAX_TOOLS,
)

TokenId = Annotated[int, Meta(ge=0, le=MAX_TOKEN_ID)]
#: Counts of tokens fit 32 bits too.
Positive = Annotated[int, Meta(ge=1, le=MAX_TOKEN_ID)]
NotNegative = Annotated[int, Meta(ge=0, le=MAX_TOKEN_ID)]
#: -1 is all there are.
Ranked = Annotated[int, Meta(ge=-1, le=MAX_TOKEN_ID)]
Penalty = Annotated[float, Meta(ge=-2.0, le=2.0)]
Seed = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
Scores = Annotated[int, Meta(ge=0, le=MAX_LOGPROBS)]


class Api(enum.StrEnum):
    """The endpoint a job came in by; it decides the shape of its chunks."""

    CHAT = "chat"
    COMPLETION = "completion"


class StreamOptions(Struct):
    """`stream_options` of the OpenAI API; `continuous_usage_stats` is vLLM's."""

    include_usage: bool | None = None
    continuous_usage_stats: bool | None = None


class JsonSchema(Struct):
    """`response_format.json_schema`."""

    name: str
    schema: dict[str, Any] | None = None
    strict: bool | None = None
    description: str | None = None


class ResponseFormat(Struct):
    """`response_format`: free text, any JSON, or JSON of a schema."""

    type: Literal["text", "json_object", "json_schema"]
    json_schema: JsonSchema | None = None


class StructuredOutputs(Struct):
    """`structured_outputs` of vLLM: exactly one of these."""

    json: str | dict[str, Any] | None = None
    json_object: bool | None = None
    regex: str | None = None
    choice: list[str] | None = None
    grammar: str | None = None


class FunctionDefinition(Struct):
    """A function that the model may call."""

    name: Annotated[str, Meta(min_length=1)]
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class Tool(Struct):
    """One of `tools`, as far as its form is checked; a template gets what the client sent."""

    function: FunctionDefinition
    type: Literal["function"] = "function"


class Body(Struct, kw_only=True):
    """The fields that both endpoints share."""

    model: str
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    service_tier: Literal["auto", "default", "flex", "priority", "scale"] | None = None
    #: false: nothing of the request or its answer is kept for later.
    store: bool | None = None
    n: Annotated[int, Meta(ge=1, le=MAX_CHOICES)] | None = None
    stop: str | list[str] | None = None
    stop_token_ids: Annotated[list[TokenId], Meta(max_length=MAX_STOP_TOKENS)] | None = None
    seed: Seed | None = None
    max_tokens: NotNegative | None = None
    min_tokens: NotNegative | None = None
    temperature: Annotated[float, Meta(ge=0.0, le=2.0)] | None = None
    top_p: Annotated[float, Meta(gt=0.0, le=1.0)] | None = None
    top_k: Ranked | None = None
    min_p: Annotated[float, Meta(ge=0.0, le=1.0)] | None = None
    frequency_penalty: Penalty | None = None
    presence_penalty: Penalty | None = None
    repetition_penalty: Annotated[float, Meta(gt=0.0)] | None = None
    logit_bias: dict[str, Annotated[float, Meta(ge=-100.0, le=100.0)]] | None = None
    allowed_token_ids: Annotated[list[TokenId], Meta(min_length=1, max_length=MAX_ALLOWED_TOKENS)] | None = None
    bad_words: Annotated[list[Annotated[str, Meta(min_length=1)]], Meta(max_length=MAX_BAD_WORDS)] | None = None
    response_format: ResponseFormat | None = None
    structured_outputs: StructuredOutputs | None = None
    ignore_eos: bool = False
    include_stop_str_in_output: bool = False
    skip_special_tokens: bool = True
    #: -1: to what the context holds.
    truncate_prompt_tokens: Ranked | None = None
    truncation_side: Literal["left", "right"] | None = None
    prompt_logprobs: Scores | None = None
    return_token_ids: bool | None = None
    return_tokens_as_token_ids: bool | None = None

    @property
    def limit(self) -> int | None:
        """How many tokens the client wants at most."""
        return self.max_tokens

    @property
    def max_tokens_field(self) -> str:
        """The name by which it said so."""
        return "max_tokens"

    @property
    def prompt_field(self) -> str:
        """The name by which it sent what is to be continued."""
        return "prompt"


class ChatBody(Body, kw_only=True):
    """`POST /v1/chat/completions`."""

    messages: Annotated[list[dict[str, Any]], Meta(min_length=1, max_length=MAX_MESSAGES)]
    max_completion_tokens: NotNegative | None = None
    logprobs: bool | None = None
    top_logprobs: Scores | None = None
    tools: Annotated[list[dict[str, Any]], Meta(min_length=1, max_length=MAX_TOOLS)] | None = None
    tool_choice: str | dict[str, Any] | None = None
    parallel_tool_calls: bool | None = None
    reasoning_effort: Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"] | None = None
    include_reasoning: bool = True
    chat_template_kwargs: dict[str, Any] | None = None
    documents: Annotated[list[dict[str, str]], Meta(max_length=MAX_DOCUMENTS)] | None = None
    add_generation_prompt: bool = True
    continue_final_message: bool = False
    add_special_tokens: bool = False
    echo: bool = False

    @property
    def limit(self) -> int | None:
        """How many tokens the client wants at most; the newer name wins."""
        return self.max_tokens if self.max_completion_tokens is None else self.max_completion_tokens

    @property
    def max_tokens_field(self) -> str:
        """The name by which it said so."""
        return "max_tokens" if self.max_completion_tokens is None else "max_completion_tokens"

    @property
    def prompt_field(self) -> str:
        """The name by which it sent what is to be continued."""
        return "messages"

    @property
    def calls_tools(self) -> bool:
        """Whether the model may, or must, call one."""
        return bool(self.tools) and self.tool_choice != "none"

    @property
    def must_call(self) -> bool:
        """Whether it must."""
        return self.tool_choice == "required" or isinstance(self.tool_choice, dict)


class CompletionBody(Body, kw_only=True):
    """`POST /v1/completions`."""

    #: A text, token ids, or a list of either; `checks.py` tells them apart.
    prompt: str | list[Any]
    logprobs: Scores | None = None
    echo: bool | None = None
    suffix: str | None = None
    best_of: int | None = None
    add_special_tokens: bool = True
