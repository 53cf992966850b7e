"""Plain commands as values: reads, and writes that do no harm twice, each with the parser of its reply."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

from msgspec import Struct

from penstock.broker.script import Argument

T = TypeVar("T")


class Query(Struct, Generic[T], frozen=True):
    """A command yet to run; `parse` takes the reply as the protocol has it: nested lists of bytes and numbers."""

    command: tuple[Argument, ...]
    parse: Callable[[Any], T]
