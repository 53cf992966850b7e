"""Run script calls: by digest, in pipelines, again when a reply was lost."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from redis.exceptions import BusyLoadingError, NoScriptError, OutOfMemoryError, ReadOnlyError, RedisError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from penstock.broker.connections import Endpoint, Use, connect
from penstock.broker.query import Query
from penstock.broker.script import Argument, Call, Source
from penstock.errors import BrokerFullError, BrokerUnavailableError

T = TypeVar("T")

#: The first server that knows script flags.
_FLAGS_SINCE = 7
_FIRST_PAUSE_S = 0.02
_LONGEST_PAUSE_S = 0.5
#: A server that cannot answer, or (a replica by now) may not: the same call may succeed a moment later.
LOST = (RedisConnectionError, RedisTimeoutError, BusyLoadingError, ReadOnlyError, OSError)


class Broker:
    """Redis as one process sees it.

    `patience_s` is how long a call goes on trying while Redis is away; 0 tries once more at once and then gives up.
    """

    def __init__(self, endpoint: Endpoint, *, timeout_s: float = 1.0, patience_s: float = 0.0) -> None:
        self._endpoint = endpoint
        self._timeout_s = timeout_s
        self._patience_s = patience_s
        self._flagged: bool | None = None
        #: For plain commands that only read or may be repeated. (redis-py's annotations mix its two clients up.)
        self.commands: Any = connect(endpoint, Use.COMMANDS, timeout_s=timeout_s)
        #: For queries: replies come as the protocol has them, for redis-py's parsers lose repeated fields of an entry.
        self._plain: Any = connect(endpoint, Use.COMMANDS, timeout_s=timeout_s)
        self._plain.response_callbacks.clear()

    def connection(self, use: Use) -> Any:
        """A further client of its own; the caller closes it."""
        return connect(self._endpoint, use, timeout_s=self._timeout_s)

    async def close(self) -> None:
        """Close the command connections."""
        await self.commands.aclose()
        await self._plain.aclose()

    async def run(self, call: Call[T]) -> T:
        """Run one call. Raises BrokerFullError, BrokerUnavailableError."""
        (reply,) = await self.run_many([call])
        return reply  # type: ignore[no-any-return]

    async def run_many(self, calls: Sequence[Call[Any]]) -> list[Any]:
        """Run calls in one round trip; their order is kept. Raises as `run` does, whichever call it was."""
        answers = await self.run_each(calls)
        for answer in answers:
            if isinstance(answer, Exception):
                raise answer
        return answers

    async def run_each(self, calls: Sequence[Call[Any]]) -> list[Any]:
        """Run unrelated calls in one round trip: one that is refused has its error (BrokerFullError) for an answer.

        Raises BrokerUnavailableError.
        """
        return await self._patiently(lambda: self._execute(calls))

    async def as_command(self, call: Call[Any]) -> tuple[Argument, ...]:
        """A call in words, for a connection of one's own; Redis refuses it where it has not run the script before."""
        (source,) = await self._sources([call])
        return ("EVALSHA", source.sha, len(call.keys), *call.keys, *call.args)

    async def ask(self, query: Query[T]) -> T:
        """Run one query. Raises BrokerUnavailableError."""
        (answer,) = await self.ask_many([query])
        return answer  # type: ignore[no-any-return]

    async def ask_many(self, queries: Sequence[Query[Any]]) -> list[Any]:
        """Run queries in one round trip. Raises BrokerUnavailableError."""
        return await self._patiently(lambda: self._ask(queries))

    async def _patiently(self, attempt: Callable[[], Awaitable[list[Any]]]) -> list[Any]:
        """Try; where the reply was lost, once more at once, then with growing pauses until patience is over."""
        try:
            return await attempt()
        except LOST as error:
            return await self._again(attempt, error)

    async def _again(self, attempt: Callable[[], Awaitable[list[Any]]], failure: Exception) -> list[Any]:
        until = time.monotonic() + self._patience_s
        pause_s = 0.0
        while True:
            await asyncio.sleep(pause_s * random.uniform(0.5, 1.0))  # noqa: S311 - jitter, not a secret
            try:
                return await attempt()
            except LOST as error:
                failure = error
            if time.monotonic() >= until:
                raise BrokerUnavailableError(f"Redis is out of reach: {failure}") from failure
            pause_s = min(max(pause_s * 2, _FIRST_PAUSE_S), _LONGEST_PAUSE_S)

    async def _ask(self, queries: Sequence[Query[Any]]) -> list[Any]:
        if len(queries) == 1:
            return [queries[0].parse(await self._plain.execute_command(*queries[0].command))]
        pipeline = self._plain.pipeline(transaction=False)
        for query in queries:
            pipeline.execute_command(*query.command)
        return [query.parse(reply) for query, reply in zip(queries, await pipeline.execute(), strict=True)]

    async def _execute(self, calls: Sequence[Call[Any]]) -> list[Any]:
        sources = await self._sources(calls)
        if len(calls) == 1:
            replies = [await self._one(calls[0], sources[0])]
        else:
            pipeline = self.commands.pipeline(transaction=False)
            for call, source in zip(calls, sources, strict=True):
                pipeline.execute_command("EVALSHA", source.sha, len(call.keys), *call.keys, *call.args)
            replies = await pipeline.execute(raise_on_error=False)
        for index, reply in enumerate(replies):
            if isinstance(reply, NoScriptError):
                replies[index] = await self._eval(calls[index], sources[index])
            elif isinstance(reply, LOST):
                raise reply
        return [_answer(call, reply) for call, reply in zip(calls, replies, strict=True)]

    async def _one(self, call: Call[Any], source: Source) -> Any:
        """The reply or, as in a pipeline, the error that came instead."""
        return await _caught(
            self.commands.execute_command("EVALSHA", source.sha, len(call.keys), *call.keys, *call.args)
        )

    async def _eval(self, call: Call[Any], source: Source) -> Any:
        """EVAL also loads the script; the server forgot it, or never had it."""
        return await _caught(self.commands.execute_command("EVAL", source.text, len(call.keys), *call.keys, *call.args))

    async def _sources(self, calls: Sequence[Call[Any]]) -> list[Source]:
        if self._flagged is None:
            info = await self.commands.info("server")
            self._flagged = int(str(info["redis_version"]).split(".")[0]) >= _FLAGS_SINCE
        return [call.script.flagged if self._flagged else call.script.plain for call in calls]


async def _caught(command: Awaitable[Any]) -> Any:
    try:
        return await command
    except LOST:
        raise
    except RedisError as error:
        return error


def _answer(call: Call[Any], reply: Any) -> Any:
    if not isinstance(reply, RedisError):
        return call.parse(reply)
    if isinstance(reply, OutOfMemoryError) or "OOM " in str(reply):
        return BrokerFullError("Redis is at its memory limit")
    return reply
