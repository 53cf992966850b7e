"""A response's event stream. Whoever reads a job, whenever and wherever, gets the same events with the same numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from penstock.answers.outcome import error_of, is_of_stream
from penstock.answers.responses.fragments import fragments, is_bare_text
from penstock.answers.responses.output import COMPLETED, INCOMPLETE, Output
from penstock.answers.responses.response import IN_PROGRESS, QUEUED, status_of
from penstock.errors import InvalidRequestError
from penstock.request.responses import renamed

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from penstock.answers.responses.open_items import Event, TextItem
    from penstock.answers.responses.response import ResponseHead
    from penstock.errors import ApiError
    from penstock.frames import End

#: More than any answer has.
MAX_EVENTS = 10**9
_encode = msgspec.json.encode
_TERMINAL = {COMPLETED: "response.completed", INCOMPLETE: "response.incomplete"}
_TEXT_DELTA = b"response.output_text.delta"
#: Before a delta's number.
_NUMBER = b',"logprobs":[],"sequence_number":'


class ResponseEvents:
    """The bytes of one reading: from the job's first token on, of which events up to number `after` are left out.

    A number says how many events came before. It depends on all pieces before, so that every reading begins with the
    first.
    """

    around = None

    def __init__(self, head: ResponseHead, after: int | None = None) -> None:
        self._head = head
        self._after = -1 if after is None else after
        self._next = 0
        self._has_begun = False
        self._output = Output(head.job_id)
        #: The message that is being written, and all of its deltas up to their texts.
        self._message: TextItem | None = None
        self._before_text = b""

    def opening(self) -> bytes:
        """The response is accepted; a background one waits, for all its client can know."""
        if not self._head.asked.background:
            return self._numbered([self._pictured("response.created", IN_PROGRESS)])
        return self._numbered([self._pictured("response.created", QUEUED), self._pictured("response.queued", QUEUED)])

    def of(self, pieces: Sequence[str], offset: int) -> bytes:
        """Of tokens' pieces; an empty piece makes no event."""
        return b"".join([self._of(piece, at) for at, piece in enumerate(pieces, offset + 1) if piece])

    def closing(self, end: End, offset: int) -> bytes:  # noqa: ARG002 - numbers count events
        """After the last token."""
        if is_of_stream(end):
            return self._failing(error_of(end))
        begun = self._begin()
        status = status_of(end)
        last = self._output.close(status) if status in _TERMINAL else []
        response = self._head.ended(end, self._output)
        closed = self._numbered([*last, {"type": _TERMINAL.get(status, "response.failed"), "response": response}])
        if self._after >= self._next:
            message = f"The response ended with event {self._next - 1}, before the event to go on after."
            return self._failing(InvalidRequestError(message, param="starting_after"))
        return begun + closed

    def _of(self, piece: str, count: int) -> bytes:
        """Of the piece of a token, the job's `count`th."""
        message, is_engine_written = self._message, self._head.is_engine_written
        if message is not None and not is_engine_written:
            return self._delta(message, piece)
        found = fragments(piece, is_engine_written=is_engine_written)
        if message is not None and len(found) == 1 and is_bare_text(found[0]):
            return self._delta(message, found[0].text)
        shown = self._begin() if found else b""
        shown += self._numbered([event for one in found for event in self._output.take(one, count)])
        self._write_on()
        return shown

    def _write_on(self) -> None:
        """Look which message is being written, if any: what is around its deltas' texts stays the same."""
        message = self._output.open_text
        if message is not self._message:
            self._message = message
            delta = b"" if message is None else _encode(message.delta)[:-1]
            self._before_text = b'event: %b\ndata: %b,"delta":' % (_TEXT_DELTA, delta)

    def _delta(self, message: TextItem, text: str) -> bytes:
        message.texts.append(text)
        number = self._next
        self._next = number + 1
        if number <= self._after:
            return b""
        return b"%b%b%b%d}\n\n" % (self._before_text, _encode(text), _NUMBER, number)

    def _begin(self) -> bytes:
        """A worker has it, at the latest before whatever else there is to tell."""
        if self._has_begun:
            return b""
        self._has_begun = True
        return self._numbered([self._pictured("response.in_progress", IN_PROGRESS)])

    def _pictured(self, kind: str, status: str) -> Event:
        return {"type": kind, "response": self._head.drawn(status)}

    def _failing(self, error: ApiError | None) -> bytes:
        """The stream cannot go on, whatever becomes of the response."""
        told = None if error is None else renamed(error)
        fields = {
            "code": (told.code or told.type) if told else None,
            "message": told.message if told else "",
            "param": told.param if told else None,
        }
        return self._numbered([{"type": "error", **fields}], shown=True)

    def _numbered(self, events: Iterable[Event], *, shown: bool = False) -> bytes:
        return b"".join([self._line(event, shown=shown) for event in events])

    def _line(self, event: Event, *, shown: bool) -> bytes:
        number = self._next
        self._next = number + 1
        if number <= self._after and not shown:
            return b""
        data = _encode({**event, "sequence_number": number})
        return b"event: %b\ndata: %b\n\n" % (event["type"].encode(), data)
