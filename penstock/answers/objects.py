"""Answers, chunks and errors as types: what the API's document says of them, and tests hold them to.

What writes a chunk is faster than a type could be, or the engine's own. Fields with UNSET for a default come in answers
that the engine writes (tools, log probabilities, several choices).
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

Count = Annotated[int, Meta(ge=0)]
TokenId = Annotated[int, Meta(ge=0)]
Created = Annotated[int, Meta(ge=0, description="Unix seconds of the job's acceptance.")]
Model = Annotated[str, Meta(description="The name that was asked for.")]
Index = Annotated[int, Meta(ge=0, description="Which of the choices it is.")]
FinishReason = Annotated[
    str, Meta(description="`stop`, `length`, `tool_calls`, or what the engine knows besides.", examples=["stop"])
]
StopReason = Annotated[str | int | None, Meta(description="The stop text or token that ended it.")]
TokenIds = Annotated[list[TokenId] | UnsetType | None, Meta(description="Told with `return_token_ids`.")]
Tier = Annotated[str | UnsetType | None, Meta(description="The tier that the request got, where it asked for one.")]
Reasoning = Annotated[str | UnsetType | None, Meta(description="What the model thought before it answered.")]


class ErrorObject(Struct, kw_only=True):
    """What went wrong, in OpenAI's form: all four keys, always."""

    message: Annotated[str, Meta(description="What is wrong, and what to do.")]
    type: Annotated[str, Meta(description="The kind of error.")]
    param: Annotated[str | None, Meta(description="The field, parameter or header, as `messages[1].content`.")]
    code: Annotated[str | None, Meta(description="The error among those of its type, for programs.")]


class Error(Struct, kw_only=True):
    """Any answer that is an error, and an event of a stream that ends with one."""

    error: ErrorObject


class PromptTokensDetails(Struct, kw_only=True):
    """What became of the prompt's tokens."""

    cached_tokens: Annotated[int, Meta(ge=0, description="Those that the engine had in its prefix cache.")]


class Usage(Struct, kw_only=True):
    """What an answer took."""

    prompt_tokens: Count
    completion_tokens: Count
    total_tokens: Count
    prompt_tokens_details: PromptTokensDetails


class ChunkUsage(Struct, kw_only=True):
    """What a stream took: all of it in the last chunk, so far in those before."""

    prompt_tokens: Count
    completion_tokens: Count
    total_tokens: Count
    prompt_tokens_details: PromptTokensDetails | UnsetType = UNSET


class LikelyToken(Struct, kw_only=True):
    """A token and how likely it was."""

    token: str
    logprob: float
    bytes: Annotated[list[int] | None, Meta(description="Its text in UTF-8.")]


class TokenLogprob(LikelyToken, kw_only=True):
    """A token of the answer, and those that could have been in its place."""

    top_logprobs: list[LikelyToken]


class ChatLogprobs(Struct, kw_only=True):
    """The log probabilities of an answer's tokens."""

    content: list[TokenLogprob] | None


class PromptToken(Struct, kw_only=True):
    """A token of the prompt, or one that could have been in its place."""

    logprob: float
    rank: int | None
    decoded_token: str | None


PromptLogprobs = Annotated[
    list[dict[str, PromptToken] | None] | UnsetType | None,
    Meta(description="Told with `prompt_logprobs`: by place in the prompt, then by token id."),
]


class FunctionCall(Struct, kw_only=True):
    """A call as the model wrote it."""

    name: str
    arguments: Annotated[str, Meta(description="JSON, as far as the model wrote any.")]


class ToolCall(Struct, kw_only=True):
    """A function that the model calls."""

    id: str
    type: Literal["function"]
    function: FunctionCall


class AnswerMessage(Struct, kw_only=True):
    """What the model says."""

    role: Literal["assistant"]
    content: str | None
    tool_calls: list[ToolCall] | UnsetType = UNSET
    reasoning: Reasoning = UNSET
    refusal: UnsetType | None = UNSET
    annotations: UnsetType | None = UNSET
    audio: UnsetType | None = UNSET
    function_call: UnsetType | None = UNSET


class ChatChoice(Struct, kw_only=True):
    """One answer."""

    index: Index
    message: AnswerMessage
    logprobs: ChatLogprobs | None
    finish_reason: FinishReason | None
    stop_reason: StopReason
    token_ids: TokenIds = UNSET
    routed_experts: UnsetType | None = UNSET


class Answer(Struct, kw_only=True):
    """What whole answers have in common."""

    id: str
    created: Created
    model: Model
    usage: Usage
    service_tier: Tier = UNSET
    system_fingerprint: UnsetType | None = UNSET
    kv_transfer_params: UnsetType | None = UNSET
    ec_transfer_params: UnsetType | None = UNSET
    metrics: UnsetType | None = UNSET


class ChatCompletion(Answer, kw_only=True):
    """A whole answer to a conversation."""

    object: Literal["chat.completion"]
    choices: list[ChatChoice]
    prompt_logprobs: PromptLogprobs = UNSET
    prompt_token_ids: TokenIds = UNSET
    prompt_text: UnsetType | None = UNSET


class CompletionLogprobs(Struct, kw_only=True):
    """The log probabilities of a completion's tokens, in columns."""

    text_offset: list[int]
    token_logprobs: list[float | None]
    tokens: list[str]
    top_logprobs: list[dict[str, float] | None]


class CompletionChoice(Struct, kw_only=True):
    """One completion of one prompt."""

    index: Index
    text: str
    logprobs: CompletionLogprobs | None
    finish_reason: FinishReason | None
    stop_reason: StopReason
    token_ids: TokenIds = UNSET
    prompt_logprobs: PromptLogprobs = UNSET
    prompt_token_ids: TokenIds = UNSET
    routed_experts: UnsetType | None = UNSET


class Completion(Answer, kw_only=True):
    """A whole answer to a prompt."""

    object: Literal["text_completion"]
    choices: list[CompletionChoice]


class FunctionCallDelta(Struct, kw_only=True):
    """The next piece of a call."""

    name: str | UnsetType | None = UNSET
    arguments: str | UnsetType | None = UNSET


class ToolCallDelta(Struct, kw_only=True):
    """The next piece of a call; its first has the id and the name."""

    index: Index
    id: str | UnsetType | None = UNSET
    type: Literal["function"] | UnsetType | None = UNSET
    function: FunctionCallDelta | UnsetType | None = UNSET


class ChatDelta(Struct, kw_only=True):
    """The next piece of a message."""

    role: Literal["assistant"] | UnsetType = UNSET
    content: str | UnsetType | None = UNSET
    reasoning: Reasoning = UNSET
    tool_calls: list[ToolCallDelta] | UnsetType = UNSET


class ChatChunkChoice(Struct, kw_only=True):
    """The next piece of one answer."""

    index: Index
    delta: ChatDelta
    logprobs: ChatLogprobs | None
    finish_reason: Annotated[FinishReason | None, Meta(description="In the last piece: why it ended.")]
    stop_reason: StopReason | UnsetType = UNSET
    token_ids: TokenIds = UNSET


class Chunk(Struct, kw_only=True):
    """What chunks have in common."""

    id: str
    created: Created
    model: Model
    service_tier: Tier = UNSET
    usage: Annotated[
        ChunkUsage | UnsetType | None,
        Meta(
            description="With `stream_options.include_usage`: in the last chunk, which has no choices; null in the "
            "others, unless `continuous_usage_stats` asks for it there too."
        ),
    ] = UNSET


class ChatCompletionChunk(Chunk, kw_only=True):
    """A piece of an answer to a conversation."""

    object: Literal["chat.completion.chunk"]
    choices: list[ChatChunkChoice]
    prompt_token_ids: TokenIds = UNSET
    prompt_text: UnsetType | None = UNSET


class CompletionChunkChoice(Struct, kw_only=True):
    """The next piece of one completion."""

    index: Index
    text: str
    logprobs: CompletionLogprobs | None
    finish_reason: Annotated[FinishReason | None, Meta(description="In the last piece: why it ended.")]
    stop_reason: StopReason | UnsetType = UNSET
    token_ids: TokenIds = UNSET
    prompt_token_ids: TokenIds = UNSET


class CompletionChunk(Chunk, kw_only=True):
    """A piece of a completion."""

    object: Literal["text_completion"]
    choices: list[CompletionChunkChoice]
