"""What one piece of a job's answer adds: to a text, to the reasoning before it, or to a function call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeGuard

import msgspec
from msgspec import Struct


class TextFragment(Struct, frozen=True):
    """More of the answer's text."""

    text: str
    #: As chat chunks have them, one for each token.
    logprobs: Sequence[dict[str, Any]] = ()


class ReasoningFragment(Struct, frozen=True):
    """More of what the model thinks before it answers."""

    text: str


class CallFragment(Struct, frozen=True):
    """More of a function call; the first one of a call has its id and name."""

    #: Which of the answer's calls.
    index: int
    call_id: str
    name: str
    arguments: str


Fragment = TextFragment | ReasoningFragment | CallFragment


class _Function(Struct):
    name: str | None = None
    arguments: str | None = None


class _Call(Struct):
    index: int = 0
    id: str | None = None
    function: _Function | None = None


class _Delta(Struct):
    content: str | None = None
    #: The newer name of the next.
    reasoning: str | None = None
    reasoning_content: str | None = None
    tool_calls: list[_Call] | None = None


class _Logprobs(Struct):
    content: list[dict[str, Any]] | None = None


class _Choice(Struct):
    delta: _Delta | None = None
    logprobs: _Logprobs | None = None


class _Chunk(Struct):
    choices: list[_Choice] = []


_decoder = msgspec.json.Decoder(_Chunk)


def fragments(piece: str, *, is_engine_written: bool) -> list[Fragment]:
    """Of a token's piece that is not empty."""
    if not is_engine_written:
        return [TextFragment(piece)]
    # One chunk a line.
    lines = filter(None, piece.split("\n"))
    return [one for line in lines for choice in _decoder.decode(line).choices for one in _of_choice(choice)]


def is_bare_text(fragment: Fragment) -> TypeGuard[TextFragment]:
    """Whether it is a text and nothing beside it, as nearly all are."""
    return type(fragment) is TextFragment and not fragment.logprobs


def _of_choice(choice: _Choice) -> list[Fragment]:
    delta = choice.delta or _Delta()
    found: list[Fragment] = []
    if reasoning := delta.reasoning or delta.reasoning_content:
        found.append(ReasoningFragment(reasoning))
    logprobs = (choice.logprobs and choice.logprobs.content) or ()
    if delta.content or (logprobs and not found):
        found.append(TextFragment(delta.content or "", logprobs))
    for call in delta.tool_calls or ():
        function = call.function or _Function()
        found.append(CallFragment(call.index, call.id or "", function.name or "", function.arguments or ""))
    return found
