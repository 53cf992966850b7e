"""Run script calls: by digest, in pipelines, again when a reply was lost."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any, TypeVar

from penstock.broker.channel import Channel, servers_of
from penstock.broker.connections import Endpoint
from penstock.broker.error_replies import LOST
from penstock.broker.errors import NoScriptError, OutOfMemoryError, RedisError
from penstock.broker.keys import is_key
from penstock.broker.link import Command, Link, raise_any
from penstock.broker.query import Query
from penstock.broker.script import Call, Source
from penstock.broker.server import RedisServer
from penstock.errors import BrokerDataError, BrokerFullError, BrokerUnavailableError
from penstock.pauses import GrowingPause

T = TypeVar("T")

#: Of what was asked, in an error.
_SHOWN_CHARACTERS = 300
_FIRST_PAUSE_S = 0.02
_LONGEST_PAUSE_S = 0.5


class Broker:
    """Redis as one process sees it.

    `patience_s` is how long a call goes on trying while Redis is away; 0 tries once more at once and then gives up.
    `on_met` hears of the server when it has answered for the first time.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        timeout_s: float = 1.0,
        patience_s: float = 0.0,
        on_met: Callable[[RedisServer], None] | None = None,
    ) -> None:
        #: Without a password, for logs and errors.
        self.address = endpoint.address
        self._servers = servers_of(endpoint, timeout_s)
        self._timeout_s = timeout_s
        self._patience_s = patience_s
        self._on_met = on_met
        #: None until the server has answered.
        self._flagged: bool | None = None
        self._channel = self.channel()

    def channel(self) -> Channel:
        """A further way to the same Redis, for what blocks; the caller closes it."""
        return self._servers.channel()

    async def subscriber(self, deliver: Callable[[Any], None]) -> Link:
        """A connection whose unasked messages go to `deliver`. Raises one of LOST."""
        return await self._servers.subscriber(deliver)

    async def close(self) -> None:
        """Close the connection."""
        await self._channel.close()

    async def run(self, call: Call[T]) -> T:
        """Run one call. Raises BrokerFullError, BrokerUnavailableError, BrokerDataError."""
        (reply,) = await self.run_many([call])
        return reply  # type: ignore[no-any-return]

    async def run_many(self, calls: Sequence[Call[Any]]) -> list[Any]:
        """Run calls in one round trip; their order is kept. Raises as `run` does, whichever call it was."""
        answers = await self.run_each(calls)
        raise_any(answers, Exception)
        return answers

    async def run_each(self, calls: Sequence[Call[Any]]) -> list[Any]:
        """Run unrelated calls in one round trip: one that is refused has its error for an answer.

        That is BrokerFullError or BrokerDataError. Raises BrokerUnavailableError.
        """
        return await self._patiently(lambda: self._execute(calls))

    def begin(self, calls: Sequence[Call[Any]], landed: Callable[[list[Any] | None], None]) -> bool:
        """Run calls in one round trip without a task; False if that is not possible just now.

        `landed` gets the answers, or None where the calls have to be run again by `run_many`.
        """
        if self._flagged is None:
            return False
        return self._channel.begin([self._words(call) for call in calls], self._timeout_s, _Landing(calls, landed))

    async def as_command(self, call: Call[Any]) -> Command:
        """A call in words, for a channel of one's own; Redis refuses it where it has not run the script before."""
        await self._know_server()
        return self._words(call)

    async def ask(self, query: Query[T]) -> T:
        """Run one query. Raises BrokerUnavailableError, BrokerDataError."""
        (answer,) = await self.ask_many([query])
        return answer  # type: ignore[no-any-return]

    async def ask_many(self, queries: Sequence[Query[Any]]) -> list[Any]:
        """Run queries in one round trip. Raises BrokerUnavailableError, BrokerDataError."""
        answers = await self.ask_each(queries)
        raise_any(answers, Exception)
        return answers

    async def ask_each(self, queries: Sequence[Query[Any]]) -> list[Any]:
        """Run unrelated queries in one round trip: one that cannot be answered has its BrokerDataError for an answer.

        Raises BrokerUnavailableError.
        """
        return await self._patiently(lambda: self._ask(queries))

    async def _patiently(self, attempt: Callable[[], Awaitable[list[Any]]]) -> list[Any]:
        """Try; where the reply was lost, once more at once, then with growing pauses until patience is over."""
        try:
            return await attempt()
        except LOST as error:
            return await self._again(attempt, error)

    async def _again(self, attempt: Callable[[], Awaitable[list[Any]]], failure: Exception) -> list[Any]:
        until = time.monotonic() + self._patience_s
        pause, pause_s = GrowingPause(_FIRST_PAUSE_S, _LONGEST_PAUSE_S), 0.0
        while True:
            await asyncio.sleep(pause_s * random.uniform(0.5, 1.0))  # noqa: S311 - jitter, not a secret
            try:
                return await attempt()
            except LOST as error:
                failure = error
            if time.monotonic() >= until:
                raise BrokerUnavailableError(f"Redis is out of reach: {failure}") from failure
            pause_s = pause.next_s()

    async def _ask(self, queries: Sequence[Query[Any]]) -> list[Any]:
        replies = await self._channel.ask([query.command for query in queries], self._timeout_s)
        raise_any(replies, LOST)
        return [_readable(query.parse, reply, query.command) for query, reply in zip(queries, replies, strict=True)]

    async def _execute(self, calls: Sequence[Call[Any]]) -> list[Any]:
        await self._know_server()
        replies = await self._channel.ask([self._words(call) for call in calls], self._timeout_s)
        for index, reply in enumerate(replies):
            if isinstance(reply, NoScriptError):
                replies[index] = await self._load(calls[index])
        raise_any(replies, LOST)
        return [_answer(call, reply) for call, reply in zip(calls, replies, strict=True)]

    async def _load(self, call: Call[Any]) -> Any:
        """EVAL also loads the script; the server forgot it, or never had it."""
        words = ("EVAL", self._source(call).text, len(call.keys), *call.keys, *call.args)
        (reply,) = await self._channel.ask([words], self._timeout_s)
        return reply

    def _words(self, call: Call[Any]) -> Command:
        return ("EVALSHA", self._source(call).sha, len(call.keys), *call.keys, *call.args)

    def _source(self, call: Call[Any]) -> Source:
        return call.script.flagged if self._flagged else call.script.plain

    async def _know_server(self) -> None:
        if self._flagged is None:
            (info,) = await self._channel.ask([("INFO",)], self._timeout_s)
            raise_any([info], RedisError)
            server = RedisServer.from_info(info)
            is_first, self._flagged = self._flagged is None, server.knows_flags
            if is_first and self._on_met is not None:
                self._on_met(server)


class _Landing:
    """Takes the replies to calls that nobody awaits."""

    __slots__ = ("_calls", "_landed")

    def __init__(self, calls: Sequence[Call[Any]], landed: Callable[[list[Any] | None], None]) -> None:
        self._calls = calls
        self._landed = landed

    def done(self) -> bool:
        """Never cancelled."""
        return False

    def set_result(self, replies: list[Any]) -> None:
        """Whatever is not as it should be is for `run_many` to sort out."""
        answers = None
        if not any(isinstance(reply, RedisError) for reply in replies):
            with suppress(Exception):
                answers = [call.parse(reply) for call, reply in zip(self._calls, replies, strict=True)]
        self._landed(answers)

    def set_exception(self, _: Exception) -> None:
        """The replies were lost."""
        self._landed(None)


def _answer(call: Call[Any], reply: Any) -> Any:
    if isinstance(reply, OutOfMemoryError):
        return BrokerFullError("Redis is at its memory limit")
    return _readable(call.parse, reply, (call.script.name, *call.keys))


def _readable(parse: Callable[[Any], Any], reply: Any, about: Sequence[Any]) -> Any:
    try:
        return read(parse, reply, about)
    except BrokerDataError as error:
        return error


def read(parse: Callable[[Any], T], reply: Any, about: Sequence[Any]) -> T:
    """A reply as its parser reads it; `about` is what was asked. Raises BrokerDataError."""
    reason: Exception
    if isinstance(reply, RedisError):
        reason = reply
    else:
        try:
            return parse(reply)
        except Exception as error:  # noqa: BLE001 - parsers are pure: whatever it is, the reply is its cause
            reason = error
    words = [str(word) for word in about]
    shown = " ".join(words)[:_SHOWN_CHARACTERS]
    message = f"Redis holds something else than Penstock wrote there ({shown}): {reason!r}"
    raise BrokerDataError(message, [word for word in words if is_key(word)])
