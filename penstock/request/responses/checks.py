"""What the fields of a request to `/v1/responses` must be together, and what a type cannot say of one alone."""

from __future__ import annotations

from typing import Any

from penstock.request.limits import MAX_CONTENT_PARTS
from penstock.request.responses.body import ReasoningConfig, ResponsesBody, TextConfig
from penstock.request.wrong import wrong

#: Options of a function tool that only OpenAI's own tools give a meaning.
_NOT_OFFERED = ("async", "defer_loading")
_CHOICES = ("none", "auto", "required")


def check(body: ResponsesBody) -> None:
    """Raise InvalidRequestError naming the field."""
    if body.background and not body.is_stored:
        raise wrong("background", "needs the response to be stored, to be fetched later: leave store out")
    if body.truncation == "auto":
        raise wrong("truncation", "knows disabled only: no item of a conversation is left out here")
    _check_input(body.input)
    for index, tool in enumerate(body.tools or ()):
        _check_tool(tool, f"tools[{index}]")
    _check_choice(body.tool_choice)
    _check_text(body.text or TextConfig())
    _check_reasoning(body.reasoning or ReasoningConfig())


def _check_input(items: str | list[dict[str, Any]]) -> None:
    """Before any of it becomes a message."""
    if isinstance(items, str):
        return
    fields = (item.get(name) for item in items for name in ("content", "output"))
    if sum(len(field) for field in fields if isinstance(field, list)) > MAX_CONTENT_PARTS:
        raise wrong("input", f"has at most {MAX_CONTENT_PARTS} parts together")


def _check_tool(tool: dict[str, Any], where: str) -> None:
    kind = tool.get("type")
    if kind != "function":
        raise wrong(f"{where}.type", f"is {str(kind)[:60]!r}, and only tools of type function are offered here")
    if not isinstance(tool.get("name"), str) or not tool["name"]:
        nested = " (in this API it does not stand in an object `function`)" if "function" in tool else ""
        raise wrong(f"{where}.name", f"has to name the function{nested}")
    for option in _NOT_OFFERED:
        if tool.get(option) is not None and tool[option] is not False:
            raise wrong(f"{where}.{option}", "is not offered here")


def _check_choice(choice: str | dict[str, Any] | None) -> None:
    if isinstance(choice, str) and choice not in _CHOICES:
        raise wrong("tool_choice", f"is none, auto, required or a named function, got {choice[:40]!r}")
    if isinstance(choice, dict) and (choice.get("type") != "function" or not isinstance(choice.get("name"), str)):
        raise wrong("tool_choice", 'names a function as {"type": "function", "name": …}; no other kinds are offered')


def _check_text(text: TextConfig) -> None:
    if text.verbosity not in (None, "medium"):
        raise wrong("text.verbosity", "is not offered here: say in the instructions how long an answer is to be")
    wanted = text.format
    if wanted is not None and wanted.type == "json_schema":
        if wanted.schema is None:
            raise wrong("text.format.schema", "is missing")
        if not wanted.name:
            raise wrong("text.format.name", "is missing")


def _check_reasoning(reasoning: ReasoningConfig) -> None:
    for name in ("summary", "generate_summary"):
        if getattr(reasoning, name) not in (None, "auto"):
            raise wrong(f"reasoning.{name}", "is not offered here: reasoning comes as it is")
