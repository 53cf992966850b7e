"""The events of a response's stream as types, for the API's document and the tests."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from penstock.answers.objects import TokenLogprob
from penstock.answers.responses.objects import OutputItem, OutputText, ReasoningText, ResponseObject


class StreamEvent(Struct, kw_only=True, tag_field="type"):
    """Any event."""

    sequence_number: Annotated[int, Meta(ge=0, description="Counted from 0, the same at every reading.")]


class _Pictured(StreamEvent, kw_only=True):
    response: ResponseObject


class _OfItem(StreamEvent, kw_only=True):
    output_index: int


class _OfPart(_OfItem, kw_only=True):
    item_id: str
    content_index: int


class ResponseCreated(_Pictured, tag="response.created"):
    """It is accepted."""


class ResponseQueued(_Pictured, tag="response.queued"):
    """It waits, in the background."""


class ResponseInProgress(_Pictured, tag="response.in_progress"):
    """It has begun."""


class ResponseCompleted(_Pictured, tag="response.completed"):
    """It is whole."""


class ResponseIncomplete(_Pictured, tag="response.incomplete"):
    """It is as long as it may be."""


class ResponseFailed(_Pictured, tag="response.failed"):
    """It failed or, by its status, was cancelled."""


class OutputItemAdded(_OfItem, kw_only=True, tag="response.output_item.added"):
    """An item begins."""

    item: OutputItem


class OutputItemDone(_OfItem, kw_only=True, tag="response.output_item.done"):
    """An item is whole."""

    item: OutputItem


class ContentPartAdded(_OfPart, kw_only=True, tag="response.content_part.added"):
    """A part begins."""

    part: OutputText | ReasoningText


class ContentPartDone(_OfPart, kw_only=True, tag="response.content_part.done"):
    """A part is whole."""

    part: OutputText | ReasoningText


class OutputTextDelta(_OfPart, kw_only=True, tag="response.output_text.delta"):
    """More of a text."""

    delta: str
    logprobs: list[TokenLogprob]


class OutputTextDone(_OfPart, kw_only=True, tag="response.output_text.done"):
    """A text is whole."""

    text: str
    logprobs: list[TokenLogprob]


class ReasoningTextDelta(_OfPart, kw_only=True, tag="response.reasoning_text.delta"):
    """More of the reasoning."""

    delta: str


class ReasoningTextDone(_OfPart, kw_only=True, tag="response.reasoning_text.done"):
    """The reasoning is whole."""

    text: str


class FunctionCallArgumentsDelta(_OfItem, kw_only=True, tag="response.function_call_arguments.delta"):
    """More of a call's arguments."""

    item_id: str
    delta: str


class FunctionCallArgumentsDone(_OfItem, kw_only=True, tag="response.function_call_arguments.done"):
    """A call's arguments are whole."""

    item_id: str
    name: str
    arguments: str


class StreamError(StreamEvent, kw_only=True, tag="error"):
    """The stream cannot go on, whatever becomes of the response."""

    code: str | None
    message: str
    param: str | None


EVENTS: tuple[type, ...] = (
    ResponseCreated,
    ResponseQueued,
    ResponseInProgress,
    ResponseCompleted,
    ResponseIncomplete,
    ResponseFailed,
    OutputItemAdded,
    OutputItemDone,
    ContentPartAdded,
    ContentPartDone,
    OutputTextDelta,
    OutputTextDone,
    ReasoningTextDelta,
    ReasoningTextDone,
    FunctionCallArgumentsDelta,
    FunctionCallArgumentsDone,
    StreamError,
)
