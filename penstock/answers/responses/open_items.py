"""Items of an answer while they grow, and the events that tell of it; the sequence numbers are put in by others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import Struct

from penstock.answers.responses.fragments import CallFragment, ReasoningFragment, TextFragment

if TYPE_CHECKING:
    from collections.abc import Sequence

Event = dict[str, Any]
Item = dict[str, Any]


class _TextKind(Struct, frozen=True):
    """A kind of item that has one part, a text."""

    item: str
    id_prefix: str
    part: str
    #: The beginning of its events' names.
    event: str
    #: What such an item has beside its content.
    fields: dict[str, Any]


_MESSAGE = _TextKind("message", "msg", "output_text", "response.output_text", {"role": "assistant"})
_REASONING = _TextKind("reasoning", "rs", "reasoning_text", "response.reasoning_text", {"summary": []})


class TextItem:
    """A message, or reasoning."""

    def __init__(self, kind: _TextKind, job_id: str, index: int) -> None:
        self.id = f"{kind.id_prefix}_{job_id}_{index}"
        self.texts: list[str] = []
        self._kind = kind
        self._index = index
        self._logprobs: list[dict[str, Any]] = []

    @classmethod
    def message(cls, job_id: str, index: int) -> TextItem:
        """What the model says."""
        return cls(_MESSAGE, job_id, index)

    @classmethod
    def reasoning(cls, job_id: str, index: int) -> TextItem:
        """What it thinks before."""
        return cls(_REASONING, job_id, index)

    @property
    def is_message(self) -> bool:
        """Whether it is a message."""
        return self._kind is _MESSAGE

    def goes_on_with(self, fragment: object) -> bool:
        """Whether a fragment belongs to it."""
        return isinstance(fragment, TextFragment if self.is_message else ReasoningFragment)

    def begin(self) -> list[Event]:
        """It is there, with a part that has no text yet."""
        kind = self._kind
        item = {"id": self.id, "type": kind.item, "status": "in_progress", **kind.fields, "content": []}
        return [
            {"type": "response.output_item.added", "output_index": self._index, "item": item},
            {"type": "response.content_part.added", **self._place, "part": self._part("", [])},
        ]

    def take(self, fragment: Any) -> list[Event]:
        """The text grows."""
        self.texts.append(fragment.text)
        delta: Event = {**self.delta, "delta": fragment.text}
        if self.is_message:
            delta["logprobs"] = fragment.logprobs
            self._logprobs += fragment.logprobs
        return [delta]

    def close(self, status: str) -> list[Event]:
        """It is whole."""
        text = "".join(self.texts)
        done: Event = {"type": f"{self._kind.event}.done", **self._place, "text": text}
        if self.is_message:
            done["logprobs"] = self._logprobs
        return [
            done,
            {"type": "response.content_part.done", **self._place, "part": self._part(text, self._logprobs)},
            {"type": "response.output_item.done", "output_index": self._index, "item": self.item(status)},
        ]

    def item(self, status: str) -> Item:
        """As it stands."""
        kind, part = self._kind, self._part("".join(self.texts), self._logprobs)
        return {"id": self.id, "type": kind.item, "status": status, **kind.fields, "content": [part]}

    @property
    def delta(self) -> Event:
        """What all its deltas have in common."""
        return {"type": f"{self._kind.event}.delta", **self._place}

    @property
    def _place(self) -> dict[str, Any]:
        return {"item_id": self.id, "output_index": self._index, "content_index": 0}

    def _part(self, text: str, logprobs: Sequence[dict[str, Any]]) -> dict[str, Any]:
        part: dict[str, Any] = {"type": self._kind.part, "text": text}
        return part | {"annotations": [], "logprobs": logprobs} if self.is_message else part


class CallItem:
    """A function call."""

    def __init__(self, first: CallFragment, job_id: str, index: int) -> None:
        self.id = f"fc_{job_id}_{index}"
        self._index = index
        #: Which of the answer's calls it is.
        self._number = first.index
        self._name = first.name
        self._call_id = first.call_id or f"call_{job_id}_{index}"
        self._arguments: list[str] = []

    def goes_on_with(self, fragment: object) -> bool:
        """Whether a fragment belongs to it."""
        return isinstance(fragment, CallFragment) and fragment.index == self._number

    def begin(self) -> list[Event]:
        """It is there, without arguments yet."""
        return [
            {"type": "response.output_item.added", "output_index": self._index, "item": self.item("in_progress")},
        ]

    def take(self, fragment: Any) -> list[Event]:
        """The arguments grow."""
        if not fragment.arguments:
            return []
        self._arguments.append(fragment.arguments)
        return [{"type": "response.function_call_arguments.delta", **self._place, "delta": fragment.arguments}]

    def close(self, status: str) -> list[Event]:
        """It is whole."""
        arguments = "".join(self._arguments)
        done = {"type": "response.function_call_arguments.done", **self._place}
        return [
            {**done, "name": self._name, "arguments": arguments},
            {"type": "response.output_item.done", "output_index": self._index, "item": self.item(status)},
        ]

    def item(self, status: str) -> Item:
        """As it stands."""
        return {
            "id": self.id,
            "type": "function_call",
            "status": status,
            "call_id": self._call_id,
            "name": self._name,
            "arguments": "".join(self._arguments),
        }

    @property
    def _place(self) -> dict[str, Any]:
        return {"item_id": self.id, "output_index": self._index}


OpenItem = TextItem | CallItem
