"""The order in which a block's lines become jobs: those that begin alike together, so that prefixes are cached."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec import Raw, Struct

#: How much of a prompt tells where it belongs.
PREFIX_BYTES = 4096


class _Prompt(Struct):
    """What comes before anything else in the prompts of the endpoints."""

    #: A chat's.
    tools: Raw = Raw(b"")
    messages: Raw = Raw(b"")
    #: A completion's.
    prompt: Raw = Raw(b"")
    #: A response's.
    instructions: Raw = Raw(b"")
    input: Raw = Raw(b"")


_decoder = msgspec.json.Decoder(_Prompt)


def prefix(body: bytes) -> bytes:
    """The beginning of a request's prompt, as its JSON has it. Raises msgspec.DecodeError."""
    prompt = _decoder.decode(body)
    parts = (prompt.tools, prompt.instructions, prompt.messages, prompt.prompt, prompt.input)
    return b"".join(bytes(part) for part in parts)[:PREFIX_BYTES]


def order_of(prefixes: Sequence[bytes]) -> list[int]:
    """Numbers of lines such that those with a common beginning follow each other."""
    return sorted(range(len(prefixes)), key=prefixes.__getitem__)
