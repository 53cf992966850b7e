"""Responses and their items as types: what the API's document says of them, and tests hold them to."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from penstock.answers.objects import Count, TokenLogprob

Status = Literal["queued", "in_progress", "completed", "incomplete", "cancelled", "failed"]
ItemStatus = Literal["in_progress", "completed", "incomplete"]
Nothing = Annotated[list[Any], Meta(max_length=0, description="Nothing is told here.")]


class OutputText(Struct, kw_only=True, tag_field="type", tag="output_text"):
    """What the model says."""

    text: str
    annotations: Nothing
    logprobs: Annotated[list[TokenLogprob], Meta(description="Of each token, where they were asked for.")]


class ReasoningText(Struct, kw_only=True, tag_field="type", tag="reasoning_text"):
    """What the model thinks."""

    text: str


class OutputMessage(Struct, kw_only=True, tag_field="type", tag="message"):
    """The answer's text."""

    id: str
    status: ItemStatus
    role: Literal["assistant"]
    content: Annotated[list[OutputText], Meta(max_length=1)]


class ReasoningItem(Struct, kw_only=True, tag_field="type", tag="reasoning"):
    """What the model thought before it answered."""

    id: str
    status: ItemStatus
    summary: Nothing
    content: Annotated[list[ReasoningText], Meta(max_length=1)]


class FunctionCallItem(Struct, kw_only=True, tag_field="type", tag="function_call"):
    """A function that the model calls."""

    id: str
    status: ItemStatus
    call_id: Annotated[str, Meta(description="For the `function_call_output` that answers it.")]
    name: str
    arguments: Annotated[str, Meta(description="JSON, as far as the model wrote any.")]


OutputItem = OutputMessage | ReasoningItem | FunctionCallItem


class InputTokensDetails(Struct, kw_only=True):
    """What became of the prompt's tokens."""

    cached_tokens: Count
    cache_write_tokens: Count


class OutputTokensDetails(Struct, kw_only=True):
    """What the answer's tokens were."""

    reasoning_tokens: Annotated[int, Meta(ge=0, description="Those until the last that was reasoning.")]


class ResponseUsage(Struct, kw_only=True):
    """What a response took."""

    input_tokens: Count
    input_tokens_details: InputTokensDetails
    output_tokens: Count
    output_tokens_details: OutputTokensDetails
    total_tokens: Count


class ResponseFailure(Struct, kw_only=True):
    """Why a response failed."""

    code: Literal["server_error", "rate_limit_exceeded", "invalid_prompt"]
    message: str
    param: str | None
    type: Annotated[str, Meta(description="The error among all there are, for programs.")]


class IncompleteDetails(Struct, kw_only=True):
    """Why a response is incomplete."""

    reason: Literal["max_output_tokens", "content_filter"]


class ResponseReasoning(Struct, kw_only=True):
    """How the model was to reason."""

    effort: str | None
    summary: str | None


class ResponseText(Struct, kw_only=True):
    """The form that was asked for."""

    format: dict[str, Any]


class ResponseObject(Struct, kw_only=True):
    """A response: what was asked for, how it stands, and what came of it."""

    id: str
    object: Literal["response"]
    created_at: Count
    status: Status
    background: bool
    error: ResponseFailure | None
    incomplete_details: IncompleteDetails | None
    instructions: str | None
    max_output_tokens: int | None
    metadata: dict[str, str]
    model: str
    output: Annotated[list[OutputItem], Meta(description="Empty until the end.")]
    parallel_tool_calls: bool
    previous_response_id: str | None
    prompt_cache_key: str | None
    reasoning: ResponseReasoning
    safety_identifier: str | None
    service_tier: str | None
    store: bool
    temperature: float
    text: ResponseText
    tool_choice: str | dict[str, Any]
    tools: list[dict[str, Any]]
    top_logprobs: Count
    top_p: float
    truncation: Literal["disabled"]
    usage: ResponseUsage | None
    user: str | None
    completed_at: Annotated[
        int | UnsetType, Meta(description="Unix seconds, where the record tells it; events have none.")
    ] = UNSET


class DeletedResponse(Struct, kw_only=True):
    """A response of which nothing is left, or will be."""

    id: str
    object: Literal["response"]
    deleted: Annotated[bool, Meta(description="false while its worker has yet to end it.")]


class InputItemList(Struct, kw_only=True):
    """A page of the items that a response was asked with."""

    object: Literal["list"]
    data: Annotated[list[dict[str, Any]], Meta(description="Items as they were sent, each with id, type and status.")]
    first_id: str | None
    last_id: str | None
    has_more: bool
