"""One connection to one Redis server: commands go out as they come, replies come back in their order.

A client library's connection takes longer over a round trip than a worker over an engine step: it has pools, streams
and timeouts, all in Python. This is hiredis in an asyncio protocol, without a task switch of its own.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Protocol, cast

import hiredis

from penstock.broker.error_replies import error_of
from penstock.broker.errors import InvalidResponseError, RedisConnectionError, RedisError, RedisTimeoutError
from penstock.broker.script import Argument

Command = Sequence[Argument]

_NOT_YET = object()
# Its annotations know packed commands of one word only.
_pack: Callable[[tuple[Argument, ...]], bytes] = hiredis.pack_command  # type: ignore[assignment]


def _packed(commands: Sequence[Command]) -> bytes:
    return b"".join([_pack(tuple(command)) for command in commands])


class ReplyTaker(Protocol):
    """Takes the replies to a batch of commands, or the error that came instead; a future is one."""

    def done(self) -> bool:
        """Whether nobody waits any more."""

    def set_result(self, replies: list[Any], /) -> None:
        """All replies, errors among them."""

    def set_exception(self, error: Exception, /) -> None:
        """The connection was lost: each command was run, or not."""


class _Batch:
    """Commands that were sent together, and the replies to them so far."""

    __slots__ = ("answer", "due_s", "left", "replies")

    def __init__(self, answer: ReplyTaker, left: int, due_s: float) -> None:
        self.answer = answer
        self.left = left
        self.due_s = due_s
        self.replies: list[Any] = []


class Link(asyncio.Protocol):
    """An open connection; once it is lost it stays lost.

    With `deliver` it is a subscriber's: whatever comes while no reply is due goes there.
    """

    def __init__(self, deliver: Callable[[Any], None] | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        self._deliver = deliver
        self._reader = hiredis.Reader(protocolError=InvalidResponseError, replyError=error_of, notEnoughData=_NOT_YET)
        self._waiting: deque[_Batch] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._due_s = 0.0
        #: Done when the connection is gone.
        self.lost: asyncio.Future[None] = self._loop.create_future()

    @property
    def is_lost(self) -> bool:
        """Whether the connection is gone."""
        return self.lost.done()

    def ask(self, commands: Sequence[Command], timeout_s: float) -> asyncio.Future[list[Any]]:
        """As `send`; returns what takes the replies."""
        answer: asyncio.Future[list[Any]] = self._loop.create_future()
        self.send(commands, timeout_s, answer)
        return answer

    def send(self, commands: Sequence[Command], timeout_s: float, answer: ReplyTaker) -> None:
        """Send commands; their replies come within the time, or the connection counts as lost."""
        if self.is_lost:
            answer.set_exception(RedisConnectionError("The connection to Redis was lost."))
            return
        if not commands:
            answer.set_result([])
            return
        # First, for it may raise.
        packed = _packed(commands)
        due_s = self._loop.time() + timeout_s
        self._waiting.append(_Batch(answer, len(commands), due_s))
        if self._timer is None or due_s < self._due_s:
            self._watch(due_s)
        self._transport.write(packed)

    def write(self, commands: Sequence[Command]) -> None:
        """Send commands that have no replies of their own: a subscriber's."""
        self._transport.write(_packed(commands))

    def close(self, error: Exception | None = None) -> None:
        """End the connection; whoever waits for a reply gets the error."""
        if self.is_lost:
            return
        self.lost.set_result(None)
        self._transport.abort()
        if self._timer is not None:
            self._timer.cancel()
        for batch in self._waiting:
            if not batch.answer.done():
                batch.answer.set_exception(error or RedisConnectionError("The connection to Redis was closed."))
        self._waiting.clear()

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Be ready."""
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell everybody."""
        self.close(RedisConnectionError(f"The connection to Redis was lost: {exc or 'the server closed it'}."))

    def data_received(self, data: bytes) -> None:
        """Hand out the replies that are complete."""
        reader, waiting = self._reader, self._waiting
        reader.feed(data)
        # Whoever takes a reply may close us.
        while not self.is_lost and (reply := self._next()) is not _NOT_YET:
            if not waiting:
                self._take_unasked(reply)
                continue
            batch = waiting[0]
            batch.replies.append(reply)
            batch.left -= 1
            if not batch.left:
                waiting.popleft()
                # Who waited may have been cancelled.
                if not batch.answer.done():
                    batch.answer.set_result(batch.replies)

    def _next(self) -> Any:
        try:
            return self._reader.gets()
        except InvalidResponseError as error:
            self.close(RedisConnectionError(f"What came from Redis is not its protocol: {error}."))
            return _NOT_YET

    def _take_unasked(self, reply: Any) -> None:
        """A subscriber's message; or why the server is about to close the connection (too many clients, say)."""
        if isinstance(reply, RedisError) or self._deliver is None:
            self.close(RedisConnectionError(f"Redis said without being asked: {reply}."))
        else:
            self._deliver(reply)

    def _watch(self, due_s: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._due_s = due_s
        self._timer = self._loop.call_at(due_s, self._expire)

    def _expire(self) -> None:
        """One timer looks after all batches: setting one for each would cost more than sending it."""
        self._timer = None
        if not self._waiting:
            return
        due_s = min(batch.due_s for batch in self._waiting)
        if due_s > self._loop.time():
            self._watch(due_s)
        else:
            self.close(RedisTimeoutError("Redis did not answer in time."))


def raise_any(replies: Sequence[Any], kinds: type[Exception] | tuple[type[Exception], ...]) -> None:
    """Raise the first reply that is an error of these kinds."""
    for reply in replies:
        if isinstance(reply, kinds):
            raise reply
