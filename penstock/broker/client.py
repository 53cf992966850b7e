"""Run script calls: by digest, in pipelines, again when a reply was lost."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Sequence
from typing import Any, TypeVar

from redis.asyncio import Redis
from redis.exceptions import BusyLoadingError, ConnectionError, NoScriptError, OutOfMemoryError, RedisError, TimeoutError

from penstock.broker.connections import Endpoint, Use, connect
from penstock.broker.script import Call, Source
from penstock.errors import BrokerFullError, BrokerUnavailableError

T = TypeVar("T")

#: The first server that knows script flags.
_FLAGS_SINCE = 7
_FIRST_PAUSE_S = 0.02
_LONGEST_PAUSE_S = 0.5
_LOST = (ConnectionError, TimeoutError, BusyLoadingError, OSError)


class Broker:
    """Redis as one process sees it.

    `patience_s` is how long a call goes on trying while Redis is away; 0 tries once more at once and then gives up.
    """

    def __init__(self, endpoint: Endpoint, *, timeout_s: float = 1.0, patience_s: float = 0.0) -> None:
        self._endpoint = endpoint
        self._timeout_s = timeout_s
        self._patience_s = patience_s
        self._flagged: bool | None = None
        #: For plain commands that are safe to repeat or that only read.
        self.commands: Redis[bytes] = connect(endpoint, Use.COMMANDS, timeout_s=timeout_s)

    def connection(self, use: Use) -> Redis[bytes]:
        """A further client of its own; the caller closes it."""
        return connect(self._endpoint, use, timeout_s=self._timeout_s)

    async def close(self) -> None:
        """Close the command connections."""
        await self.commands.aclose()

    async def run(self, call: Call[T]) -> T:
        """Run one call. Raises BrokerFullError, BrokerUnavailableError."""
        (reply,) = await self.run_many([call])
        return reply  # type: ignore[no-any-return]

    async def run_many(self, calls: Sequence[Call[Any]]) -> list[Any]:
        """Run calls in one round trip; their order is kept. Raises as `run` does, whichever call it was."""
        try:
            return await self._execute(calls)
        except _LOST as error:
            return await self._execute_again(calls, error)

    async def _execute_again(self, calls: Sequence[Call[Any]], failure: Exception) -> list[Any]:
        """Once more at once, then with growing pauses until patience is over."""
        until = time.monotonic() + self._patience_s
        pause_s = 0.0
        while True:
            await asyncio.sleep(pause_s * random.uniform(0.5, 1.0))  # noqa: S311 - jitter, not a secret
            try:
                return await self._execute(calls)
            except _LOST as error:
                failure = error
            if time.monotonic() >= until:
                raise BrokerUnavailableError(f"Redis is out of reach: {failure}") from failure
            pause_s = min(max(pause_s * 2, _FIRST_PAUSE_S), _LONGEST_PAUSE_S)

    async def _execute(self, calls: Sequence[Call[Any]]) -> list[Any]:
        sources = await self._sources(calls)
        if len(calls) == 1:
            return [calls[0].parse(await self._one(calls[0], sources[0]))]
        pipeline = self.commands.pipeline(transaction=False)
        for call, source in zip(calls, sources, strict=True):
            pipeline.execute_command("EVALSHA", source.sha, len(call.keys), *call.keys, *call.args)
        replies = await pipeline.execute(raise_on_error=False)
        for index, reply in enumerate(replies):
            if isinstance(reply, NoScriptError):
                replies[index] = await self._eval(calls[index], sources[index])
            elif isinstance(reply, Exception):
                raise _translated(reply)
        return [call.parse(reply) for call, reply in zip(calls, replies, strict=True)]

    async def _one(self, call: Call[Any], source: Source) -> Any:
        try:
            return await self.commands.execute_command("EVALSHA", source.sha, len(call.keys), *call.keys, *call.args)
        except NoScriptError:
            return await self._eval(call, source)
        except _LOST:
            raise
        except RedisError as error:
            raise _translated(error) from error

    async def _eval(self, call: Call[Any], source: Source) -> Any:
        """EVAL also loads the script; the server forgot it, or never had it."""
        try:
            return await self.commands.execute_command("EVAL", source.text, len(call.keys), *call.keys, *call.args)
        except _LOST:
            raise
        except RedisError as error:
            raise _translated(error) from error

    async def _sources(self, calls: Sequence[Call[Any]]) -> list[Source]:
        if self._flagged is None:
            info = await self.commands.info("server")
            self._flagged = int(str(info["redis_version"]).split(".")[0]) >= _FLAGS_SINCE
        return [call.script.flagged if self._flagged else call.script.plain for call in calls]


def _translated(error: Exception) -> Exception:
    if isinstance(error, OutOfMemoryError) or "OOM " in str(error):
        return BrokerFullError("Redis is at its memory limit")
    return error
