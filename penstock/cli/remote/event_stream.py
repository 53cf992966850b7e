"""Server-sent events, read from bytes as they come. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from msgspec import Struct

#: The data of the event after a whole answer.
DONE = "[DONE]"


class Event(Struct, frozen=True):
    """One event; its id is where to go on after it, empty where it has none."""

    id: str
    data: str

    @property
    def value(self) -> Any:
        """The data decoded; the word after a whole answer as it is. Raises ValueError for what is no JSON."""
        return self.data if self.data == DONE else json.loads(self.data)


class EventReader:
    """Cuts what comes into events."""

    def __init__(self) -> None:
        self._begun = b""
        self._id = ""
        self._data: list[str] = []

    def feed(self, part: bytes) -> Iterator[Event]:
        """The events that end in these bytes."""
        *lines, self._begun = (self._begun + part).split(b"\n")
        for line in lines:
            text = line.removesuffix(b"\r").decode(errors="replace")
            if text:
                self._take(text)
            elif self._data:
                yield Event(self._id, "\n".join(self._data))
                self._id, self._data = "", []

    def _take(self, line: str) -> None:
        """One field; a comment is a field without a name."""
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "id":
            self._id = value
        elif name == "data":
            self._data.append(value)
