"""A walk through the objects of storage that have been there for a while, a few seconds at a time."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence

    from penstock.storage import Storage, Stored

#: How long a turn looks before the next one goes on, and how often a walk begins at most.
TURN_S = 5.0
_BEGIN_EVERY_S = 3600.0


class Pages:
    """Gathers names into pages: names of one group that follow each other, at most `most` of them. Pure."""

    def __init__(self, most: int, group_of: Callable[[str], str] = lambda _: "") -> None:
        self._most = most
        self._group_of = group_of
        self._group = ""
        self._names = list[str]()

    def take(self, name: str) -> Sequence[str]:
        """Add a name; returns the page that is complete now, which is empty while there is none."""
        group = self._group_of(name)
        if group != self._group:
            complete, self._group, self._names = self._names, group, [name]
            if complete:
                return complete
        else:
            self._names.append(name)
        return self.rest() if len(self._names) == self._most else ()

    def rest(self) -> Sequence[str]:
        """What is left of the last page."""
        rest, self._names = self._names, []
        return rest


class StorageWalk:
    """Goes through all objects whose names begin so and that are older than `grace_s`, in turns.

    A page whose visit fails is left to the next walk: an object that cannot be deleted holds up no other. Where the
    list of objects itself breaks off, the next turn begins a new walk.
    """

    def __init__(self, storage: Storage, prefix: str, *, grace_s: float) -> None:
        self._storage = storage
        self._prefix = prefix
        self._grace_s = grace_s
        self._every_s = min(_BEGIN_EVERY_S, grace_s)
        #: What is left of the walk, None between two walks.
        self._objects: AsyncGenerator[Stored] | None = None
        self._begun_s = 0.0
        self._due_s = 0.0

    @property
    def begins(self) -> bool:
        """Whether the next turn is the first one of a walk."""
        return self._objects is None and time.monotonic() >= self._due_s

    async def turn(self, pages: Pages, visit: Callable[[Sequence[str]], Awaitable[None]]) -> None:
        """Visit pages for a while, if a walk is under way or due. Raises StorageError, and what `visit` raises."""
        if self.begins:
            self._objects, self._begun_s = self._storage.names(self._prefix), time.monotonic()
        until_s = time.monotonic() + TURN_S
        while (one := await self._next()) is not None:
            page = pages.take(one.name) if one.modified_s < time.time() - self._grace_s else ()
            if page:
                await visit(page)
            # After each object: most of them may be young, and a list of these alone takes its time too.
            if time.monotonic() >= until_s:
                break
        if rest := pages.rest():
            await visit(rest)

    async def _next(self) -> Stored | None:
        objects, self._objects = self._objects, None
        if objects is None:
            return None
        # Where this raises, or is cancelled, the walk is over before its time, and the next one is due.
        one = await anext(objects, None)
        if one is None:
            self._due_s = self._begun_s + self._every_s
        else:
            self._objects = objects
        return one
