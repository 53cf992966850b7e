"""What of an answer is compared, by name: status, error, usage, what each choice says, and the shape of a stream."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from tests.differential.asking import Answer

Facts = dict[str, Any]

END = "[DONE]"
_USAGE = ("prompt_tokens", "completion_tokens", "total_tokens")
_WHOLE = ("object", "model", "prompt_token_ids", "prompt_logprobs", "prompt_text")
_CHOICE = ("finish_reason", "stop_reason", "logprobs", "token_ids", "prompt_token_ids", "prompt_logprobs")
_MESSAGE = ("role", "content", "reasoning", "refusal", "function_call", "audio")
_TOKENS = ("count", "max_model_len", "tokens", "token_strs", "prompt")


def facts(answer: Answer) -> Facts:
    """The facts of an answer; what is absent or null is left out."""
    if answer.content_type == "text/event-stream":
        found = _of_stream(events(answer.text))
    else:
        found = of_object(_parsed(answer.text))
    return {"status": answer.status, **_present(found)}


def of_job(answer: Answer) -> Facts:
    """The facts that a job's record tells of its answer."""
    job = _parsed(answer.text)
    if answer.status != 200 or job.get("error"):
        return _present(of_object({"error": job.get("error")}))
    result = job.get("result") or {}
    return _present(_of_chunks(result) if isinstance(result, list) else of_object(result))


def events(text: str) -> list[str]:
    """The data of every event."""
    return [line[6:] for line in text.splitlines() if line.startswith("data: ")]


def of_object(body: Any) -> Facts:
    """The facts of a JSON answer."""
    if not isinstance(body, dict):
        return {"shape": type(body).__name__}
    if isinstance(error := body.get("error"), dict):
        return {f"error.{name}": error.get(name) for name in ("type", "code", "param", "message")}
    found: Facts = {name: body.get(name) for name in (*_WHOLE, *_TOKENS)}
    found |= _usage(body.get("usage"))
    for choice in body.get("choices") or ():
        found |= _choice(choice, choice.get("message") or {}, choice.get("text"))
    return found


def _of_stream(data: list[str]) -> Facts:
    return {"stream.done": data[-1:] == [END], **_of_chunks([json.loads(one) for one in data if one != END])}


def _of_chunks(chunks: list[dict[str, Any]]) -> Facts:
    for error in (chunk for chunk in chunks if "error" in chunk):
        return of_object(error)
    found: Facts = {name: next((chunk[name] for chunk in chunks if chunk.get(name)), None) for name in _WHOLE}
    usages = [chunk for chunk in chunks if not chunk["choices"]]
    found |= _usage(usages[-1].get("usage") if usages else None)
    found["stream.usage_chunks"] = len(usages)
    found["stream.usage_elsewhere"] = _elsewhere([chunk for chunk in chunks if chunk["choices"]])
    for index in sorted({choice["index"] for chunk in chunks for choice in chunk["choices"]}):
        found |= _streamed([choice for chunk in chunks for choice in chunk["choices"] if choice["index"] == index])
    return found


def _streamed(parts: list[dict[str, Any]]) -> Facts:
    """One choice of a stream, put together."""
    deltas = [part.get("delta") or {} for part in parts]
    whole: dict[str, Any] = {
        "index": parts[0]["index"],
        "finish_reason": _only(part.get("finish_reason") for part in parts),
        "stop_reason": _only(part.get("stop_reason") for part in parts),
        "prompt_token_ids": _only(part.get("prompt_token_ids") for part in parts),
        "prompt_logprobs": _only(part.get("prompt_logprobs") for part in parts),
        "token_ids": _joined(part.get("token_ids") for part in parts),
        "logprobs": _joined_logprobs([part["logprobs"] for part in parts if part.get("logprobs")]),
    }
    message = {name: _joined(delta.get(name) for delta in deltas) for name in ("content", "reasoning", "refusal")}
    message |= {"role": _only(delta.get("role") for delta in deltas), "tool_calls": _joined_calls(deltas)}
    text = _joined(part.get("text") for part in parts)
    found = _choice(whole, message, text)
    if any("delta" in part for part in parts):
        found[f"stream.{parts[0]['index']}.opens_with_role"] = "role" in deltas[0] and not deltas[0].get("content")
    return found


def _choice(choice: dict[str, Any], message: dict[str, Any], text: str | None) -> Facts:
    index = choice.get("index")
    found = {f"choice.{index}.{name}": choice.get(name) for name in _CHOICE}
    found |= {f"choice.{index}.{name}": message.get(name) for name in _MESSAGE}
    calls = [{"type": call.get("type"), **(call.get("function") or {})} for call in message.get("tool_calls") or ()]
    found |= {f"choice.{index}.tool_calls": calls or None, f"choice.{index}.text": text}
    return found


def _joined_calls(deltas: list[dict[str, Any]]) -> list[dict[str, Any]]:
    calls: dict[int, dict[str, Any]] = {}
    for part in (part for delta in deltas for part in delta.get("tool_calls") or ()):
        call = calls.setdefault(part["index"], {"type": None, "function": {"name": None, "arguments": ""}})
        function = part.get("function") or {}
        call["type"] = call["type"] or part.get("type")
        call["function"]["name"] = call["function"]["name"] or function.get("name")
        call["function"]["arguments"] += function.get("arguments") or ""
    return [calls[index] for index in sorted(calls)]


def _joined_logprobs(parts: list[dict[str, Any]]) -> dict[str, Any] | None:
    """The lists of all parts, one after the other."""
    return {name: _joined(part.get(name) for part in parts) for name in parts[0]} if parts else None


def _joined(parts: Iterable[Any]) -> Any:
    """Strings or lists, one after the other; None if there is none."""
    present = [part for part in parts if part is not None]
    if not present:
        return None
    whole = present[0]
    for part in present[1:]:
        whole = whole + part
    return whole


def _only(values: Iterable[Any]) -> Any:
    """The one that is there; a list if there are several."""
    present = [value for value in values if value is not None]
    return present[0] if len(present) == 1 else present or None


def _elsewhere(chunks: list[dict[str, Any]]) -> str:
    """What the chunks of choices say of usage."""
    said = {("counts" if chunk["usage"] else "null") if "usage" in chunk else "nothing" for chunk in chunks}
    return said.pop() if len(said) == 1 else "mixed"


def _usage(usage: dict[str, Any] | None) -> Facts:
    return {f"usage.{name}": usage.get(name) for name in _USAGE} if usage else {}


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _present(found: Facts) -> Facts:
    return {name: value for name, value in found.items() if value is not None}
