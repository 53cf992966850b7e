"""One timed piece of work of a request. Where nothing is exported it goes nowhere, and costs nothing."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Self

#: A span's attributes: names from `spans`, plain values.
Attributes = Mapping[str, str | int | float | bool | list[str]]


class Span:
    """A context manager, too; see `ExportedSpan` for one that reaches an exporter."""

    __slots__ = ("headers",)

    def __init__(self, headers: Mapping[str, str]) -> None:
        #: What a child span, here or in another process, needs to know of this one.
        self.headers = headers

    def set(self, attributes: Attributes) -> None:
        """Add attributes."""

    def end(self, error: str | None = None, *, end_ms: int | None = None) -> None:
        """End the span, now or as of a Unix time; `error` names what went wrong: an error's class or a job's state."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.end(None if kind is None else kind.__name__)
