"""Server-sent events as they come over the wire, ids included, which OpenAI's client hides."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any

import httpx
import msgspec

END = "[DONE]"


@dataclass(frozen=True)
class Event:
    """One event; `id` is empty where it has none."""

    id: str
    data: str

    @property
    def text(self) -> str:
        """What it adds to the answer."""
        if self.data == END:
            return ""
        choices = msgspec.json.decode(self.data)["choices"]
        return (choices[0]["delta"].get("content") or "") if choices else ""


class Reading:
    """An open response, read event by event."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self._events = _events(response.iter_lines())

    def take(self, count: int) -> list[Event]:
        """The next events, as many."""
        return list(islice(self._events, count))

    def rest(self) -> list[Event]:
        """All others."""
        return list(self._events)


def text(events: list[Event]) -> str:
    """What events say together."""
    return "".join(event.text for event in events)


@contextmanager
def asked(url: str, body: dict[str, Any], **headers: str) -> Iterator[Reading]:
    """The stream of a chat completion."""
    streamed = {"model": "sim", **body, "stream": True}
    with httpx.stream("POST", f"{url}/v1/chat/completions", json=streamed, headers=headers, timeout=30) as response:
        assert response.status_code == 200, response.read()
        yield Reading(response)


@contextmanager
def events_of(url: str, job_id: str, after: str = "", **headers: str) -> Iterator[Reading]:
    """A job's event stream."""
    where = {"after": after} if after else {}
    path = f"{url}/v1/jobs/{job_id}/events"
    with httpx.stream("GET", path, params=where, headers=headers, timeout=30) as response:
        assert response.status_code == 200, response.read()
        yield Reading(response)


def _events(lines: Iterator[str]) -> Iterator[Event]:
    event_id = data = ""
    for line in lines:
        if line.startswith("id: "):
            event_id = line[4:]
        elif line.startswith("data: "):
            data = line[6:]
        elif not line and data:
            yield Event(event_id, data)
            event_id = data = ""
