"""arq behind one small module: tasks in Redis that some background process runs, and runs again until they are done.

arq polls, and ends with its first error of Redis; here it is started again. What it keeps in Redis may be lost at any
time: the sweep finds again what should be there. Its pickle is replaced by msgpack, its log by events of our own.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import msgspec
from arq.connections import ArqRedis
from arq.cron import CronJob, cron
from arq.worker import Function, Retry, Worker, func
from redis.asyncio.sentinel import Sentinel
from redis.exceptions import RedisError

from penstock.broker.repeating import rest
from penstock.errors import BrokerUnavailableError
from penstock.pauses import GrowingPause
from penstock.settings.kinds import RedisForm
from penstock.telemetry import events, logs

if TYPE_CHECKING:
    from penstock.broker.connections import Endpoint

#: The sorted set in which arq keeps what waits.
QUEUE = "penstock:arq:webhooks"
#: How long Redis may take to answer before it counts as gone.
_TIMEOUT_S = 5.0
#: How often arq looks for work.
_POLL_S = 0.1
#: How long arq runs before a loss counts as over: longer than tasks are apart that come again and again, each of which
#: may be what Redis refuses.
_STEADY_S = 6.0
#: How long tasks may go on when the process is told to stop.
_GRACE_S = 2.0
_CANCEL_EVERY_S = 1.0
_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 5.0

_MINUTE_S = 60
_TOLD_EVERY_S = 60.0

Task = Callable[..., Coroutine[Any, Any, None]]

_log = logs.get()


class TaskQueue:
    """This process's part of the queue: it puts tasks in, and runs some of those that are there."""

    def __init__(self, endpoint: Endpoint, *, max_running: int) -> None:
        self._redis = _client(endpoint)
        self._max_running = max_running
        self._stopping = asyncio.Event()
        self._pause = GrowingPause(_FIRST_PAUSE_S, _LONGEST_PAUSE_S)
        # Its lines are one per task; what is worth one, ours tell.
        logging.getLogger("arq").setLevel(logging.CRITICAL)

    async def put(self, task: str, *args: str, task_id: str, keep_s: float, within_s: float) -> bool:
        """Have a task run, unless one of this id waits or runs; whether it was put in.

        One that would wait for longer than `within_s` need not wait any more. It is forgotten `keep_s` after it was put
        in. Raises BrokerUnavailableError.
        """
        try:
            is_new = await self._redis.enqueue_job(task, *args, _job_id=task_id, _expires=keep_s) is not None
            if not is_new:
                await self._bring_forward(task_id, within_s)
        except (RedisError, OSError, TimeoutError) as error:
            raise BrokerUnavailableError(f"arq's Redis is out of reach: {error}") from error
        return is_new

    async def run(self, tasks: Sequence[Function], cron_jobs: Sequence[CronJob]) -> None:
        """Run tasks until stopped, whatever happens to Redis."""
        while not self._stopping.is_set():
            worker = self._worker(tasks, cron_jobs)
            life = asyncio.create_task(worker.async_run())
            stopping = asyncio.create_task(self._stopping.wait())
            await asyncio.wait((life, stopping), return_when=asyncio.FIRST_COMPLETED)
            stopping.cancel()
            if life.done():
                await self._note_loss(life.exception())
            await self._end(worker, life)
        await self._redis.aclose()

    def stop(self) -> None:
        """Take up no more tasks."""
        self._stopping.set()

    async def _bring_forward(self, task_id: str, within_s: float) -> None:
        now_ms = time.time_ns() // 1_000_000
        due_ms = await self._redis.zscore(QUEUE, task_id)
        if due_ms is not None and due_ms > now_ms + within_s * 1000:
            await self._redis.zadd(QUEUE, {task_id: now_ms}, xx=True, lt=True)

    def _worker(self, tasks: Sequence[Function], cron_jobs: Sequence[CronJob]) -> _Worker:
        return _Worker(
            self._note_beat,
            tasks,
            cron_jobs=cron_jobs,
            redis_pool=self._redis,
            queue_name=QUEUE,
            handle_signals=False,
            max_jobs=self._max_running,
            poll_delay=_POLL_S,
            keep_result=0,
            job_serializer=msgspec.msgpack.encode,
            job_deserializer=msgspec.msgpack.decode,
        )

    def _note_beat(self, lived_s: float) -> None:
        if self._pause.has_begun and lived_s >= _STEADY_S:
            _log.info(events.QUEUE_BACK)
            self._pause.reset()

    async def _note_loss(self, error: BaseException | None) -> None:
        if not self._pause.has_begun:
            _log.warning(events.QUEUE_LOST, why=repr(error))
        await rest(self._stopping, self._pause.next_s())

    async def _end(self, worker: _Worker, life: asyncio.Task[None]) -> None:
        """Let running tasks end; those that do not in time are run again, here or elsewhere."""
        worker.allow_pick_jobs = False
        with suppress(TimeoutError):
            async with asyncio.timeout(_GRACE_S), worker.looking:
                pass
        if worker.tasks and not life.done():
            await asyncio.wait(list(worker.tasks.values()), timeout=_GRACE_S)
        left: set[asyncio.Task[Any]] = {life, *worker.tasks.values()}
        while left:
            for one in left:
                one.cancel()
            # Again and again: a library on the way may take a cancellation for something else.
            ended, left = await asyncio.wait(left, timeout=_CANCEL_EVERY_S)
            await asyncio.gather(*ended, return_exceptions=True)


class _Worker(Worker):  # type: ignore[misc]  # arq has no types
    """Arq's, which can be waited for until it is not looking into the queue: to end it there loses a connection.

    After each look it says for how many seconds it has lived.
    """

    def __init__(self, beaten: Callable[[float], None], *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.looking = asyncio.Lock()
        self._beaten = beaten
        self._born_s = time.monotonic()

    async def start_jobs(self, job_ids: list[bytes]) -> None:
        async with self.looking:
            await super().start_jobs(job_ids)

    async def heart_beat(self) -> None:
        """The last that it does in each round."""
        async with self.looking:
            await super().heart_beat()
        self._beaten(time.monotonic() - self._born_s)


def task(work: Task, name: str, *, timeout_s: float, max_tries: int) -> Function:
    """Work that arq runs by its name, and no longer than so; a task that was taken up so often is dropped."""
    return func(_told(work), name=name, timeout=timeout_s, max_tries=max_tries, keep_result=0)


def every(seconds: int, work: Task, name: str, *, timeout_s: float) -> CronJob:
    """Work that one of all background processes does every so many seconds of a minute."""
    return cron(_told(work), name=name, second=set(range(0, _MINUTE_S, seconds)), timeout=timeout_s, keep_result=0)


def _told(work: Task) -> Task:
    """The same as arq calls it, with a context that nobody needs.

    What goes wrong is told, as by arq it is not: once in a while, for it comes again.
    """
    silent_until_s = 0.0

    async def run(_: Mapping[Any, Any], *args: Any) -> None:
        nonlocal silent_until_s
        try:
            await work(*args)
        except Retry:
            raise
        except Exception as error:
            if time.monotonic() >= silent_until_s:
                silent_until_s = time.monotonic() + _TOLD_EVERY_S
                _log.exception(events.TASK_FAILED, why=repr(error))
            raise

    return run


def again_after(seconds: float) -> Retry:
    """Raised by a task, has it run again later."""
    return Retry(defer=max(seconds, 0.001))


def _client(endpoint: Endpoint) -> ArqRedis:
    """A connection pool that never retries by itself, and never waits for ever."""
    options: dict[str, Any] = {
        "socket_connect_timeout": _TIMEOUT_S,
        "socket_timeout": _TIMEOUT_S,
        "username": endpoint.username,
        "password": endpoint.password,
        "db": endpoint.db,
    }
    if endpoint.tls:
        options |= {"ssl": True, "ssl_check_hostname": True}
    if endpoint.form is RedisForm.SENTINEL:
        tls = {"ssl": True, "ssl_check_hostname": True} if endpoint.tls else {}
        guard = Sentinel(  # type: ignore[no-untyped-call]
            list(endpoint.nodes),
            sentinel_kwargs={"socket_timeout": _TIMEOUT_S, "socket_connect_timeout": _TIMEOUT_S, **tls},
        )
        client: ArqRedis = guard.master_for(endpoint.service, redis_class=ArqRedis, **options)
    elif endpoint.form is RedisForm.UNIX:
        client = ArqRedis(unix_socket_path=endpoint.path, **options)
    else:
        host, port = endpoint.nodes[0]
        client = ArqRedis(host=host, port=port, **options)
    client.job_serializer = msgspec.msgpack.encode
    client.job_deserializer = msgspec.msgpack.decode
    client.default_queue_name = QUEUE
    return client
