"""Items of a conversation, as `/v1/responses` has them, become the messages of a chat."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from penstock.request.wrong import wrong

#: Parts of a message that are text, by the field that holds it.
_TEXTS = {"input_text": "text", "output_text": "text", "text": "text", "refusal": "refusal"}
_ROLES = ("user", "assistant", "system", "developer")

Item = dict[str, Any]


class Messages:
    """A chat's messages in the making.

    What a model says in one turn (reasoning, a text, calls) are several items and one message.
    """

    def __init__(self, history: Sequence[dict[str, Any]] = (), origin: str = "") -> None:
        self.messages = list(history)
        #: Per message, the field that it comes from.
        self.origins = [origin] * len(self.messages)
        #: The model's message that may still grow, and what its reasoning is to have besides.
        self._turn: dict[str, Any] | None = None
        self._thoughts: list[str] = []
        self._calls = {call.get("id") for message in history for call in message.get("tool_calls") or ()}

    def add_text(self, role: str, text: str, origin: str) -> None:
        """A message that is one text."""
        self._append({"role": role, "content": text}, origin)

    def add_items(self, items: Sequence[Item], field: str) -> None:
        """Items in their order. Raises InvalidRequestError naming the item in `field`."""
        for index, item in enumerate(items):
            self._add(item, f"{field}[{index}]")
        self._settle()

    def _add(self, item: Item, where: str) -> None:
        kind = kind_of(item)
        if item.get("id") is not None:
            _text(item, "id", where)
        if kind == "message":
            self._add_message(item, where)
        elif kind == "reasoning":
            self._add_reasoning(item, where)
        elif kind == "function_call":
            self._add_call(item, where)
        elif kind == "function_call_output":
            self._add_call_output(item, where)
        else:
            raise wrong(f"{where}.type", f"is {str(kind)[:60]!r}, which is no kind of item that is offered here")

    def _add_message(self, item: Item, where: str) -> None:
        role, content = item.get("role"), _content(item.get("content"), f"{where}.content")
        if role not in _ROLES:
            raise wrong(f"{where}.role", f"is one of {', '.join(_ROLES)}")
        if role != "assistant":
            self._append({"role": role, "content": content}, where)
            return
        turn = self._turn
        if turn is None or turn["content"] is not None or "tool_calls" in turn:
            turn = self._begin_turn(where)
        turn["content"] = content

    def _add_reasoning(self, item: Item, where: str) -> None:
        parts = item.get("content")
        if not isinstance(parts, list | None):
            raise wrong(f"{where}.content", "is a list of parts")
        texts = [_reasoning_text(part, f"{where}.content[{at}]") for at, part in enumerate(parts or ())]
        # Without a text there is a summary, or what only its maker can read.
        if not texts:
            return
        turn = self._turn
        if turn is None or turn["content"] is not None or "tool_calls" in turn:
            turn = self._begin_turn(where)
        turn.setdefault("reasoning", "")
        self._thoughts += texts

    def _add_call(self, item: Item, where: str) -> None:
        name, arguments, call_id = (_text(item, field, where) for field in ("name", "arguments", "call_id"))
        turn = self._turn or self._begin_turn(where)
        call = {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}
        turn.setdefault("tool_calls", []).append(call)
        self._calls.add(call_id)

    def _add_call_output(self, item: Item, where: str) -> None:
        call_id = _text(item, "call_id", where)
        if call_id not in self._calls:
            raise wrong(f"{where}.call_id", f"is {call_id[:60]!r}, and no function_call before it has that call_id")
        output = _content(item.get("output"), f"{where}.output")
        self._append({"role": "tool", "tool_call_id": call_id, "content": output}, where)

    def _begin_turn(self, where: str) -> dict[str, Any]:
        turn: dict[str, Any] = {"role": "assistant", "content": None}
        self._append(turn, where)
        self._turn = turn
        return turn

    def _settle(self) -> None:
        """Join the reasoning of the model's message, once: thousands of items may be parts of one."""
        if self._turn is not None and self._thoughts:
            self._turn["reasoning"] += "".join(self._thoughts)
            self._thoughts = []

    def _append(self, message: dict[str, Any], origin: str) -> None:
        self._settle()
        self.messages.append(message)
        self.origins.append(origin)
        self._turn = None


def kind_of(item: Item) -> object:
    """The type of an item; a message need not name it."""
    kind = item.get("type")
    return "message" if kind is None and "role" in item else kind


def _content(content: Any, where: str) -> str | list[dict[str, str]]:
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        raise wrong(where, "is a text or a list of parts")
    return [{"type": "text", "text": _part_text(part, f"{where}[{at}]")} for at, part in enumerate(content)]


def _part_text(part: Any, where: str) -> str:
    kind = part.get("type") if isinstance(part, dict) else None
    field = _TEXTS.get(kind) if isinstance(kind, str) else None
    if field is None:
        raise wrong(where, f"is of type {str(kind)[:60]!r}, and only text is read here")
    return _text(part, field, where)


def _reasoning_text(part: Any, where: str) -> str:
    if not isinstance(part, dict) or part.get("type") != "reasoning_text":
        raise wrong(where, "is no part of type reasoning_text")
    return _text(part, "text", where)


def _text(item: Item, field: str, where: str) -> str:
    value = item.get(field)
    if not isinstance(value, str):
        raise wrong(f"{where}.{field}", "is missing" if value is None else "must be a text")
    return value
