"""What clients may send and get: requests that the demo model answers, and answers made by what makes them."""

from __future__ import annotations

from typing import Any

import msgspec

from ingress.openapi.operation import SERVED, Example
from penstock.answers.chunks import Envelope, TextChunks
from penstock.answers.events import Events, NumberedEvents, PageEvents, PlainEvents
from penstock.answers.whole import whole_answer
from penstock.frames import End
from penstock.job import State
from penstock.request import Api

JOB_ID = "demo-886e8c3e9e728a4be67ffa85"
CREATED_S = 1_795_679_277

_PIECES = ("A", " queue", ".")
_END = End(State.COMPLETED, "stop", None, prompt_tokens=8, completion_tokens=len(_PIECES))
_TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather in a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
_SCHEMA = {"type": "object", "properties": {"answer": {"type": "string", "maxLength": 40}}, "required": ["answer"]}
_FORMAT = {"type": "json_schema", "json_schema": {"name": "answer", "schema": _SCHEMA}}
_CHAT = {"model": SERVED, "messages": [{"role": "user", "content": "What is Penstock?"}]}
_PROMPT = {"model": SERVED, "prompt": "Penstock is", "max_tokens": 32}


def _envelope(api: Api) -> Envelope:
    return Envelope(api=api, job_id=JOB_ID, created_s=CREATED_S, model=SERVED)


def _written(events: Events) -> str:
    """A whole stream."""
    return b"".join((events.opening(), events.of(_PIECES, 0), events.closing(_END, len(_PIECES)))).decode()


CHAT_REQUESTS = {
    "whole": Example("A question", _CHAT),
    "stream": Example("Answered as it comes", _CHAT | {"stream": True, "stream_options": {"include_usage": True}}),
    "sampling": Example(
        "The same each time", _CHAT | {"temperature": 0, "seed": 7, "max_tokens": 64, "stop": ["\n\n"]}
    ),
    "logprobs": Example("With log probabilities", _CHAT | {"logprobs": True, "top_logprobs": 2, "max_tokens": 16}),
    "tool": Example("A call", _CHAT | {"tools": [_TOOL], "tool_choice": "required", "max_tokens": 96}),
    "schema": Example("JSON of a schema", _CHAT | {"max_tokens": 96, "response_format": _FORMAT}),
}
COMPLETION_REQUESTS = {
    "whole": Example("A text", _PROMPT),
    "stream": Example("Continued as it comes", _PROMPT | {"stream": True, "temperature": 0}),
    "tokens": Example("Token ids", _PROMPT | {"prompt": [97, 98, 99]}),
    "several": Example("Several texts", _PROMPT | {"prompt": ["Penstock is", "A queue is"], "temperature": 0}),
}
TOKENIZE_REQUESTS = {
    "text": Example("A text", {"model": SERVED, "prompt": "Penstock is a queue."}),
    "conversation": Example("A conversation", _CHAT | {"return_token_strs": True}),
}
DETOKENIZE_REQUESTS = {"tokens": Example("Token ids", {"model": SERVED, "tokens": [97, 98, 99]})}

CHAT_ANSWER = whole_answer(_envelope(Api.CHAT), "".join(_PIECES), _END)
COMPLETION_ANSWER = whole_answer(_envelope(Api.COMPLETION), "".join(_PIECES), _END)
CHAT_STREAM = _written(PlainEvents(TextChunks(_envelope(Api.CHAT))))
COMPLETION_STREAM = _written(PlainEvents(TextChunks(_envelope(Api.COMPLETION))))
JOB_EVENTS = _written(NumberedEvents(TextChunks(_envelope(Api.CHAT)), after=None))
PAGE_EVENTS = _written(PageEvents(TextChunks(_envelope(Api.CHAT)), after=None))
STREAM_URL: dict[str, Any] = {
    "object": "stream_url",
    "job": JOB_ID,
    "url": f"/v1/jobs/{JOB_ID}/stream?token=p20783.{CREATED_S + 60}.rc.{'signature-' * 4}not",
    "expires_at": CREATED_S + 60,
    "can_cancel": True,
}
CANCELLED: dict[str, Any] = {"id": JOB_ID, "object": "job", "state": State.CANCELLED}
STREAM_URL_REQUESTS = {"terms": Example("For a minute, and to cancel by", {"ttl_s": 60, "can_cancel": True})}
MODEL: dict[str, Any] = {
    "id": SERVED,
    "object": "model",
    "created": CREATED_S,
    "owned_by": "penstock",
    "max_model_len": 2048,
}
JOB: dict[str, Any] = {
    "id": JOB_ID,
    "object": "job",
    "state": State.COMPLETED,
    "cancel_requested": False,
    "model": SERVED,
    "class": "interactive",
    "created_at": CREATED_S,
    "metadata": {},
    "timings": {"queued_ms": 3, "running_ms": 210, "ttft_ms": 24, "total_ms": 214},
    "runs": 1,
    "attempts": 1,
    "losses": 0,
    "worker": "demo-0.3",
    "assignments": [{"worker": "demo-0.3", "at_ms": 1795692613600}],
    "lost": [],
    "usage": CHAT_ANSWER["usage"],
    "result": CHAT_ANSWER,
    "error": None,
}
JOB_REQUEST: dict[str, Any] = {
    "endpoint": "/v1/chat/completions",
    "body": _CHAT,
    "class": "batch",
    "deadline_s": 600,
    "metadata": {"ticket": "4711"},
}
JOB_LINES = f'{{"endpoint": "/v1/completions", "body": {{"model": "{SERVED}", "prompt": "Penstock is"}}}}\n'
JOB_LINE_OUTCOMES = f'{{"line":0,"id":"{JOB_ID}"}}\n'
ACCEPTED_JOB: dict[str, Any] = {
    "id": JOB_ID,
    "object": "job",
    "state": State.QUEUED,
    "model": SERVED,
    "class": "batch",
    "created_at": CREATED_S,
    "metadata": {"ticket": "4711"},
    "place": {"jobs_ahead": 12, "tokens_ahead": 3400, "predicted_start_s": 4.2},
}
JOB_LIST: dict[str, Any] = {
    "object": "list",
    "data": [
        {
            "id": JOB_ID,
            "object": "job",
            "state": State.COMPLETED,
            "model": SERVED,
            "class": "batch",
            "created_at": CREATED_S,
            "metadata": {"ticket": "4711"},
            "timings": {"queued_ms": 4200, "running_ms": 210, "total_ms": 4410},
        }
    ],
    "has_more": False,
    "next": None,
}
USAGE: dict[str, Any] = {
    "object": "list",
    "from": "2026-11-01",
    "to": "2026-11-25",
    "group_by": ["model"],
    "data": [
        {
            "model": SERVED,
            "jobs": 120,
            "completed": 118,
            "failed": 0,
            "cancelled": 1,
            "expired": 1,
            "dead_lettered": 0,
            "prompt_tokens": 9600,
            "cached_tokens": 3200,
            "completion_tokens": 11400,
        }
    ],
}
POOLS: dict[str, Any] = {
    "object": "list",
    "data": [
        {
            "id": "demo",
            "object": "pool",
            "models": [SERVED],
            "serves": True,
            "has_leader": True,
            "failing": "",
            "troubles": [],
            "queue": {
                "resumed": {"jobs": 0, "bytes": 0},
                "interactive": {"jobs": 3, "bytes": 1210},
                "standard": {"jobs": 0, "bytes": 0},
                "batch": {"jobs": 840, "bytes": 362_400},
            },
            "tokens_per_s": 412.5,
            "jobs_per_s": 3.9,
            "workers": [
                {
                    "name": "demo-0",
                    "state": "ready",
                    "slots": 8,
                    "jobs": 8,
                    "tokens_per_s": 412.5,
                    "kv_cache_usage": 0.31,
                    "engine": "vllm",
                    "failures": 0,
                    "why": "",
                }
            ],
        }
    ],
}
POOL_EVENTS = f"data: {msgspec.json.encode(POOLS).decode()}\n\n"
ERASED: dict[str, Any] = {"id": JOB_ID, "object": "job", "deleted": True}
TOKENIZED = {"count": 3, "tokens": [97, 98, 99], "max_model_len": 2048}

_WEBHOOK_URL = "https://example.com/penstock"
WEBHOOK_REQUEST = {"url": _WEBHOOK_URL, "events": ["job.completed", "job.failed"]}
WEBHOOK = {
    "id": "wh_5f0c1b7a9d3e8426",
    "object": "webhook",
    "url": _WEBHOOK_URL,
    "events": ["job.completed", "job.failed"],
    "description": "",
    "state": "enabled",
    "reason": None,
    "created_at": CREATED_S,
    "rotated_at": None,
    "old_secret_until": None,
}
WEBHOOK_WITH_SECRET = {**WEBHOOK, "secret": "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="}
DELETED_WEBHOOK = {"id": WEBHOOK["id"], "object": "webhook", "deleted": True}
DELIVERY = {
    "id": "evt-demo-1795679277123-0-wh_5f0c1b7a9d3e8426",
    "object": "webhook.delivery",
    "event_id": "evt-demo-1795679277123-0",
    "type": "job.completed",
    "job_id": JOB_ID,
    "webhook_id": WEBHOOK["id"],
    "url": _WEBHOOK_URL,
    "state": "pending",
    "attempt_count": 1,
    "created_at": CREATED_S,
    "next_attempt_at": CREATED_S + 5,
    "ended_at": None,
    "attempts": [
        {
            "number": 1,
            "at": CREATED_S,
            "outcome": "refused",
            "status": 500,
            "error": "Internal Server Error",
            "took_ms": 12,
            "next_attempt_at": CREATED_S + 5,
        }
    ],
}
NOTHING: dict[str, Any] = {}
