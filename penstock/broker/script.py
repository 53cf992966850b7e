"""Lua scripts as values: a file under scripts/, its flags, and calls of it that are yet to run."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib import resources
from typing import Any, Generic, TypeVar

from msgspec import Struct

T = TypeVar("T")
Argument = str | bytes | int | float

_FOLDER = resources.files("penstock.broker") / "scripts"
_LIB = (_FOLDER / "lib.lua").read_text()
_ALLOW_OOM = "-- flags: allow-oom\n"
#: Before 7.0 a script may go on at maxmemory once it has written; this first write costs no memory and changes nothing.
_FIRST_WRITE = "redis.pcall('XDEL', KEYS[1], '0-1')\n"


@dataclass(frozen=True)
class Source:
    """A script's text as one server takes it, and the digest that names it there."""

    text: str

    @cached_property
    def sha(self) -> str:
        """The SHA-1 that EVALSHA takes."""
        return hashlib.sha1(self.text.encode(), usedforsecurity=False).hexdigest()


@dataclass(frozen=True)
class Script:
    """One file of scripts/; see its header for keys, arguments and replies."""

    name: str

    @cached_property
    def _text(self) -> str:
        return (_FOLDER / f"{self.name}.lua").read_text()

    @property
    def allows_oom(self) -> bool:
        """Whether it runs at maxmemory: it frees memory, or finishes what was accepted."""
        return self._text.startswith(_ALLOW_OOM)

    @cached_property
    def flagged(self) -> Source:
        """For servers that know script flags (7.0 and newer)."""
        flags = "#!lua flags=allow-oom\n" if self.allows_oom else "#!lua\n"
        return Source(flags + _LIB + self._text)

    @cached_property
    def plain(self) -> Source:
        """For servers before 7.0."""
        return Source((_FIRST_WRITE if self.allows_oom else "") + _LIB + self._text)


class Call(Struct, Generic[T], frozen=True):
    """A script with its keys and arguments. Every script may be run again: a lost reply is no reason to worry."""

    script: Script
    keys: Sequence[str]
    args: Sequence[Argument]
    parse: Callable[[Any], T]

    @property
    def size_bytes(self) -> int:
        """Of its arguments, about: texts count by their characters, and numbers not at all."""
        return sum(len(one) for one in self.args if isinstance(one, str | bytes))


def text(reply: bytes) -> str:
    """Parse a one-word reply."""
    return reply.decode()
