"""The host: imports what the engine needs once, forks the workers, and replaces those that end."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import socket
import time
from typing import TYPE_CHECKING

from penstock.broker import leading
from penstock.broker.client import Broker
from penstock.broker.connections import Endpoint
from penstock.errors import BrokerError
from penstock.process import stop_signals
from penstock.telemetry import events, logs
from workers.host import process
from workers.host.forked_worker import ForkedWorker

if TYPE_CHECKING:
    from penstock.settings import Settings
    from workers.engine.registry import Recipe
    from workers.history import Ended, History
    from workers.report import Reporter

_TICK_S = 1.0
#: What a worker gets beyond its grace: the hand-back, and its engine's end.
_GOODBYE_S = 2.0

log = logs.get()


class Host:
    """A pool's workers on this machine. It runs in the main thread, without an event loop: forks are cleanest there."""

    def __init__(self, settings: Settings, pool: str, recipe: Recipe) -> None:
        self._settings = settings
        self._pool = pool
        self._recipe = recipe
        # Hosts of one pool may share a machine, and containers a host name.
        origin = f"{socket.gethostname()}-{secrets.token_hex(3)}"
        self._workers = [
            ForkedWorker(f"{origin}-{index}", self._serve) for index in range(settings.pools[pool].workers)
        ]

    def run(self) -> None:
        """Keep the workers running until told to stop, then have them drain."""
        stops = stop_signals()
        signals = stops | {signal.SIGCHLD}
        # They are waited for, not handled; workers inherit the block until they are ready for them.
        signal.pthread_sigmask(signal.SIG_BLOCK, signals)
        # With an engine that is large it is a quarter of a minute until the next line.
        log.info(events.ENGINE_LOADING, pool=self._pool)
        self._recipe.preload()
        while True:
            self._fill()
            received = signal.sigtimedwait(signals, self._patience_s())
            if received is not None and received.si_signo in stops:
                break
            self._reap()
        self._drain()

    def _fill(self) -> None:
        for worker in self._workers:
            if worker.pid is not None or worker.due_in_s:
                continue
            try:
                worker.begin()
            except OSError as error:
                # No process or no descriptor is left: the other workers go on.
                worker.put_off()
                log.warning(events.CHILD_NOT_STARTED, pool=self._pool, child=worker.name, why=str(error))
            else:
                log.info(events.CHILD_STARTED, pool=self._pool, child=worker.name, pid=worker.pid)

    def _patience_s(self) -> float:
        """Until there is something to do without a signal."""
        return min([_TICK_S, *(worker.due_in_s for worker in self._workers if worker.pid is None)])

    def _reap(self) -> None:
        for worker in self._workers:
            worker.listen()
            if worker.pid is None:
                continue
            pid, status = os.waitpid(worker.pid, os.WNOHANG)
            if pid:
                self._bury(worker, worker.ended(status))

    def _bury(self, worker: ForkedWorker, ended: Ended) -> None:
        if ended.cause is None:
            log.info(events.CHILD_ENDED, pool=self._pool, child=worker.name)
            return
        log.warning(
            events.CHILD_ENDED,
            pool=self._pool,
            child=worker.name,
            cause=ended.cause.value,
            why=ended.why,
            failures=worker.history.failures,
            pause_s=worker.history.pause_s,
        )
        if worker.instance:
            asyncio.run(self._declare_lost(worker.instance, ended.why))

    async def _declare_lost(self, instance: str, why: str) -> None:
        """Others need not wait for its lease to run out."""
        redis = self._settings.redis
        broker = Broker(Endpoint.parse(redis.address), timeout_s=redis.command_timeout_s)
        try:
            await broker.run(leading.declare_lost(self._pool, instance, beat=None, why=why))
        except BrokerError as error:
            # The leader sees the beat stand still once Redis is back.
            log.warning(events.REDIS_LOST, address=broker.address, why=str(error), worker=instance)
        finally:
            await broker.close()

    def _drain(self) -> None:
        """Pass the signal on and wait; who takes too long is killed, and its jobs go elsewhere."""
        for worker in self._workers:
            worker.signal(signal.SIGTERM)
        deadline_s = time.monotonic() + self._settings.pools[self._pool].drain_grace_s + _GOODBYE_S
        while self._is_occupied():
            remaining_s = deadline_s - time.monotonic()
            if remaining_s <= 0:
                self._kill()
            signal.sigtimedwait({signal.SIGCHLD}, max(remaining_s, _TICK_S))
            self._reap()

    def _is_occupied(self) -> bool:
        return any(worker.pid is not None for worker in self._workers)

    def _kill(self) -> None:
        for worker in self._workers:
            if worker.pid is not None:
                log.warning(events.CHILD_KILLED, pool=self._pool, child=worker.name)
                worker.signal(signal.SIGKILL)

    def _serve(self, name: str, history: History, reporter: Reporter) -> None:
        process.serve(self._settings, self._pool, name, self._recipe, history, reporter)
