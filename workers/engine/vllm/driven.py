"""Runs asynchronous generators by hand: as far as they get with what they have been given, then back to the caller."""

from __future__ import annotations

import sys
import types
from collections import deque
from collections.abc import AsyncGenerator, Coroutine, Generator
from typing import Any, Generic, Self, TypeVar

T = TypeVar("T")


class Feed(Generic[T]):
    """What a driven generator iterates over; where it runs dry, the generator stands still."""

    def __init__(self) -> None:
        self._items: deque[T] = deque()
        self._is_closed = False

    def put(self, item: T) -> None:
        """Offer one more item."""
        self._items.append(item)

    def close(self) -> None:
        """No more items will come."""
        self._is_closed = True

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        while not self._items:
            if self._is_closed:
                raise StopAsyncIteration
            await _standstill()
        return self._items.popleft()

    async def aclose(self) -> None:
        """For consumers that close what they iterate over."""
        self.close()


class Driven(Generic[T]):
    """An asynchronous generator that waits for nothing but a Feed."""

    def __init__(self, generator: AsyncGenerator[T, None]) -> None:
        self._generator = generator
        self._next: Coroutine[Any, Any, T] | None = None

    def advance(self) -> list[T]:
        """Everything it yields before it stands still or ends."""
        made: list[T] = []
        hooks = sys.get_asyncgen_hooks()
        # The event loop would want to close the generator itself when nobody needs it any more, and could not.
        sys.set_asyncgen_hooks(None, None)
        try:
            self._collect(made)
        finally:
            sys.set_asyncgen_hooks(*hooks)
        return made

    def _collect(self, made: list[T]) -> None:
        while True:
            self._next = self._next or self._generator.__anext__()
            try:
                self._next.send(None)
            except StopIteration as item:
                made.append(item.value)
                self._next = None
            except StopAsyncIteration:
                self._next = None
                return
            else:
                return


@types.coroutine
def _standstill() -> Generator[None, None, None]:
    yield
