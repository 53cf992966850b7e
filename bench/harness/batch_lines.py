"""Lines of a batch's input and output: requests with numbers for names, and what was answered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct


class Answered(Struct, frozen=True):
    """An output line's answer, whoever wrote it."""

    text: str
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int


def write_lines(path: Path, bodies: Iterable[Mapping[str, Any]]) -> None:
    """Write chat completions as a batch's input, named by their numbers."""
    with path.open("wb") as file:
        for number, body in enumerate(bodies):
            line = {"custom_id": str(number), "method": "POST", "url": "/v1/chat/completions", "body": body}
            file.write(msgspec.json.encode(line) + b"\n")


def answered(line: Mapping[str, Any]) -> Answered:
    """The answer of an output line. Raises KeyError or TypeError for one that is none."""
    body = line["response"]["body"]
    usage = body["usage"]
    return Answered(
        body["choices"][0]["message"]["content"],
        usage["prompt_tokens"],
        (usage.get("prompt_tokens_details") or {}).get("cached_tokens") or 0,
        usage["completion_tokens"],
    )


def by_name(lines: Iterable[Mapping[str, Any]]) -> dict[str, Answered]:
    """The answers by the names of their requests."""
    return {line["custom_id"]: answered(line) for line in lines}
