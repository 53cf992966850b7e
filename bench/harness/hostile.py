"""Requests that cost the most a request may cost, or that are refused for more; they must not slow other clients."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

CHAT, COMPLETIONS = "/v1/chat/completions", "/v1/completions"
#: A little below what an ingress takes.
_BYTES = 4_000_000
#: How long a client waits for an answer: longer than any request may take.
_PATIENCE_S = 60.0

Body = Mapping[str, Any]


@dataclass(frozen=True)
class Hostile:
    """One request; `body` makes it for a model's name."""

    path: str
    body: Callable[[str], Body | bytes]
    #: How long the client waits for its answer before it hangs up; None: until it comes.
    leaves_after_s: float | None = None
    #: How many send it at once.
    clients: int = 1
    headers: Mapping[str, str] = field(default_factory=dict)

    def encoded(self, model: str) -> bytes:
        """The body's bytes. They take long to make: make them before a measurement."""
        made = self.body(model)
        return made if isinstance(made, bytes) else json.dumps(made, separators=(",", ":")).encode()


def chat(messages: list[Any] | None = None, /, **fields: Any) -> Hostile:
    """A chat of these messages, or a short one with these fields."""
    given = messages or [{"role": "user", "content": "Hi"}]
    return Hostile(CHAT, lambda model: {"model": model, "messages": given, "max_tokens": 1, **fields})


def completion(prompt: Any, **fields: Any) -> Hostile:
    """A completion of a prompt of any form."""
    return Hostile(COMPLETIONS, lambda model: {"model": model, "prompt": prompt, "max_tokens": 1, **fields})


def _tool(number: int) -> dict[str, Any]:
    properties = {f"p{part}": {"type": "string"} for part in range(8)}
    return {"type": "function", "function": {"name": f"f{number}", "parameters": {"properties": properties}}}


def _call(arguments: str) -> dict[str, Any]:
    return {"type": "function", "function": {"name": "f", "arguments": arguments}}


#: Requests by what they have much of; `GRAMMARS` has those whose grammar is costly.
KINDS: dict[str, Hostile] = {
    "messages": chat([{"role": "assistant", "content": "x"}] * 4096),
    "messages_without_content": chat([{"role": "user"}] * 200_000),
    "empty_messages": chat([{}] * 1_000_000),
    "parts": chat([{"role": "user", "content": [{"type": "text", "text": "x"}] * 8192}]),
    "empty_parts": chat([{"role": "user", "content": [""] * 1_000_000}]),
    "tool_calls": chat([{"role": "assistant", "tool_calls": [_call("{}")] * 4096}, {"role": "user", "content": "x"}]),
    "tool_arguments": chat([{"role": "assistant", "tool_calls": [_call("[" + "[]," * 40_000 + "[]]")] * 20}]),
    "tools": chat(tools=[_tool(number) for number in range(128)]),
    "documents": chat(documents=[{"text": "x" * 100}] * 1024),
    "template_values": chat(chat_template_kwargs={f"k{number}": [] for number in range(1024)}),
    "unknown_fields": chat(**{f"x{number}": 1 for number in range(130_000)}),
    "escaped_quotes": chat([{"role": "user", "content": '"' * (_BYTES // 2)}]),
    "metadata": chat(metadata={str(number): "" for number in range(300_000)}),
    "stop_strings": chat(stop=["x" * 1024] * 16, max_tokens=200),
    "bad_words": chat(bad_words=[f"word{number}" for number in range(1024)], max_tokens=50),
    "logit_bias": chat(logit_bias={str(number): 1 for number in range(1024)}, max_tokens=50),
    "allowed_tokens": chat(allowed_token_ids=list(range(2000)) * 100, max_tokens=50),
    "long_message": chat([{"role": "user", "content": "Penstock keeps every request. " * 130_000}]),
    "long_text": completion("Water flows through the gate. " * 33_000),
    "one_word": completion("x" * _BYTES),
    "token_ids": completion([5] * 1_000_000),
    "fractional_ids": completion([5.0] * 800_000),
    "one_token_prompts": completion([[1]] * 690_000),
    "prompts": completion([[1, 2, 3]] * 1024),
    "text_prompts": completion(["Water"] * 1024),
    "tokenize": Hostile("/tokenize", lambda model: {"model": model, "prompt": "The gate. " * 390_000}),
    "tokenize_names": Hostile(
        "/tokenize", lambda model: {"model": model, "prompt": "水 " * 400_000, "return_token_strs": True}
    ),
    "detokenize": Hostile("/detokenize", lambda model: {"model": model, "tokens": [300] * 900_000}),
    "left_at_once": Hostile(
        CHAT,
        lambda model: {"model": model, "stream": True, "messages": [{"role": "user", "content": "x " * 50}]},
        leaves_after_s=0.02,
        clients=300,
    ),
    "endless_trailer": Hostile(
        CHAT,
        lambda _: b"1\r\n \r\n" * 60_000 + b"0\r\nA: " + b"x" * 50_000_000,
        headers={"transfer-encoding": "chunked"},
    ),
    "small_chunks": Hostile(CHAT, lambda _: b"1\r\n \r\n" * 2_000_000, headers={"transfer-encoding": "chunked"}),
}


def _schema(schema: Body, leaves_after_s: float | None = None) -> Hostile:
    wanted = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    return replace(chat(response_format=wanted, max_tokens=20), leaves_after_s=leaves_after_s)


def _structured(**form: Any) -> Hostile:
    return chat(structured_outputs=form, max_tokens=20)


def _alternatives(depth: int) -> Body:
    if not depth:
        return {"type": "string"}
    inner = _alternatives(depth - 1)
    return {"oneOf": [{"type": "object", "properties": {name: inner}, "required": [name]} for name in "ab"]}


def _optional(properties: int) -> Body:
    return {"type": "object", "properties": {f"p{number}": {"type": "string"} for number in range(properties)}}


#: Forms of an answer whose grammar takes long to make, or would.
GRAMMARS: dict[str, Hostile] = {
    "alternatives_in_alternatives": _schema(_alternatives(12)),
    "few_alternatives_in_alternatives": _schema(_alternatives(6)),
    "optional_properties": _schema(_optional(2000)),
    "some_optional_properties": _schema(_optional(200)),
    "a_schema_that_is_left": _schema(_optional(200), leaves_after_s=0.05),
    "long_text_in_a_schema": _schema({"type": "string", "minLength": 1000, "maxLength": 100_000}),
    "counted_expression": _structured(regex="((a{1,50}){1,50}){1,50}"),
    "long_expression": _structured(regex="|".join(f"word{number}[a-z]*" for number in range(500))),
    "choices": _structured(choice=[f"choice {number}" for number in range(1000)]),
    "grammar": _structured(
        grammar="root ::= a\n" + "".join(f'a{"a" * number} ::= "x" | "y"\n' for number in range(300))
    ),
}


async def send(port: int, hostile: Hostile, raw: bytes) -> list[int]:
    """Send what `encoded` made, from each client; the status of each answer, 0 where none came or nobody waited."""
    return list(await asyncio.gather(*(_send(port, hostile, raw) for _ in range(hostile.clients))))


async def _send(port: int, hostile: Hostile, body: bytes) -> int:
    fields = {"host": "localhost", "content-type": "application/json", "connection": "close", **hostile.headers}
    if "transfer-encoding" not in fields:
        fields["content-length"] = str(len(body))
    lines = [f"POST {hostile.path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items())]
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    # The server may close before it has read all, which fails our write.
    with contextlib.suppress(ConnectionError, TimeoutError):
        try:
            writer.write("\r\n".join([*lines, "", ""]).encode() + body)
            async with asyncio.timeout(hostile.leaves_after_s or _PATIENCE_S):
                answer = await reader.read()
            return int(answer.split(maxsplit=2)[1]) if answer else 0
        finally:
            writer.close()
    return 0
