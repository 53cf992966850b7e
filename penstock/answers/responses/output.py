"""The items that an answer has so far. Pure: the same fragments make the same items and events anywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penstock.answers.responses.fragments import CallFragment, ReasoningFragment, fragments
from penstock.answers.responses.open_items import CallItem, TextItem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from penstock.answers.responses.fragments import Fragment
    from penstock.answers.responses.open_items import Event, Item, OpenItem

COMPLETED = "completed"
INCOMPLETE = "incomplete"


class Output:
    """The items of one answer, built from its fragments: one item after the other, but several calls at a time."""

    def __init__(self, job_id: str) -> None:
        self._job_id = job_id
        self._closed: list[Item] = []
        #: Items that may still grow: one text, or all calls that are written at the same time.
        self._open: list[OpenItem] = []
        #: How many tokens had come when the last fragment of reasoning did.
        self.reasoning_tokens = 0

    @classmethod
    def of(cls, job_id: str, pieces: Sequence[str], *, is_engine_written: bool) -> Output:
        """Build the items of these pieces."""
        output = cls(job_id)
        if not is_engine_written:
            # Plain text makes the same items whole as in pieces.
            pieces = ["".join(pieces)]
        for count, piece in enumerate(pieces, 1):
            for fragment in fragments(piece, is_engine_written=is_engine_written) if piece else ():
                output.take(fragment, count)
        return output

    def take(self, fragment: Fragment, tokens: int) -> list[Event]:
        """Add a fragment, which came with the job's `tokens`th token; returns the events that this causes."""
        if isinstance(fragment, ReasoningFragment):
            self.reasoning_tokens = tokens
        item = next((one for one in self._open if one.goes_on_with(fragment)), None)
        if item is not None:
            return item.take(fragment)
        events = [] if self._goes_beside(fragment) else self._close_open(COMPLETED)
        item = self._begun(fragment)
        self._open.append(item)
        return [*events, *item.begin(), *item.take(fragment)]

    def close(self, status: str) -> list[Event]:
        """Close the open items at the end of the answer; an answer without items gets an empty message."""
        events: list[Event] = []
        if not self._open and not self._closed:
            item = TextItem.message(self._job_id, 0)
            self._open.append(item)
            events = item.begin()
        return [*events, *self._close_open(status)]

    @property
    def open_text(self) -> TextItem | None:
        """The message that is being written, if one is."""
        last = self._open[-1] if self._open else None
        return last if isinstance(last, TextItem) and last.is_message else None

    @property
    def items(self) -> list[Item]:
        """All items so far; those that are still open are marked incomplete."""
        return [*self._closed, *(one.item(INCOMPLETE) for one in self._open)]

    def _goes_beside(self, fragment: Fragment) -> bool:
        return isinstance(fragment, CallFragment) and all(isinstance(one, CallItem) for one in self._open)

    def _begun(self, fragment: Fragment) -> OpenItem:
        index = len(self._closed) + len(self._open)
        if isinstance(fragment, CallFragment):
            return CallItem(fragment, self._job_id, index)
        if isinstance(fragment, ReasoningFragment):
            return TextItem.reasoning(self._job_id, index)
        return TextItem.message(self._job_id, index)

    def _close_open(self, last_status: str) -> list[Event]:
        """Close the open items: the last one with this status, the others as completed."""
        events: list[Event] = []
        for at, one in enumerate(self._open, 1):
            status = last_status if at == len(self._open) else COMPLETED
            events += one.close(status)
            self._closed.append(one.item(status))
        self._open = []
        return events
