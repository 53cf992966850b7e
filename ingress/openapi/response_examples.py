"""Requests to `/v1/responses`, and answers made by what makes them."""

from __future__ import annotations

from typing import Any

from ingress.openapi.examples import CREATED_S, JOB_ID
from ingress.openapi.operation import SERVED, Example
from penstock.answers.responses.events import ResponseEvents
from penstock.answers.responses.response import ResponseHead, response_id
from penstock.frames import End
from penstock.job import State
from penstock.request.responses import ResponsesBody

_PIECES = ("A", " queue", ".")
_END = End(State.COMPLETED, "stop", None, prompt_tokens=8, completion_tokens=len(_PIECES))
_ASKED = {"model": SERVED, "input": "What is Penstock?"}
_TOOL = {
    "type": "function",
    "name": "get_weather",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
_HEAD = ResponseHead(
    job_id=JOB_ID,
    created_s=CREATED_S,
    asked=ResponsesBody(model=SERVED, input=""),
    service_tier=None,
    is_engine_written=False,
)
_EVENTS = ResponseEvents(_HEAD)

RESPONSE_ID = response_id(JOB_ID)
RESPONSE = _HEAD.whole(_END, _PIECES)
STREAM = b"".join((_EVENTS.opening(), _EVENTS.of(_PIECES, 0), _EVENTS.closing(_END, len(_PIECES)))).decode()
DELETED = {"id": RESPONSE_ID, "object": "response", "deleted": True}
REQUESTS = {
    "whole": Example("A question", _ASKED),
    "stream": Example("Answered as it comes", _ASKED | {"stream": True, "instructions": "Be brief."}),
    "background": Example("To be fetched later", _ASKED | {"background": True, "metadata": {"ticket": "4711"}}),
    "tool": Example("A call", _ASKED | {"tools": [_TOOL], "tool_choice": "required", "max_output_tokens": 96}),
    "items": Example("A conversation", _ASKED | {"input": [{"role": "user", "content": "What is Penstock?"}]}),
}
INPUT_ITEMS: dict[str, Any] = {
    "object": "list",
    "data": [
        {
            "role": "user",
            "content": [{"type": "input_text", "text": "What is Penstock?"}],
            "id": f"msg_{JOB_ID}_in_0",
            "type": "message",
            "status": "completed",
        }
    ],
    "first_id": f"msg_{JOB_ID}_in_0",
    "last_id": f"msg_{JOB_ID}_in_0",
    "has_more": False,
}
