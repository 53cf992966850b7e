"""The pulse of one instance: a thread of its own, so that a busy event loop does not look dead."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from penstock.broker import holding
from penstock.broker.client import Broker
from penstock.errors import BrokerUnavailableError
from penstock.telemetry import events, logs

if TYPE_CHECKING:
    from penstock.broker.connections import Endpoint
    from workers.vitals import Vitals

#: An event loop that has not turned for so long will not: its worker may be declared lost.
STALL_S = 10.0

log = logs.get()


class Lease:
    """Beats until closed or fenced; `on_fenced` is then called in the event loop that started it."""

    def __init__(
        self,
        endpoint: Endpoint,
        pool: str,
        instance: str,
        vitals: Vitals,
        *,
        heartbeat_s: float,
        on_fenced: Callable[[], None],
    ) -> None:
        self._endpoint = endpoint
        self._pool = pool
        self._instance = instance
        self._vitals = vitals
        self._heartbeat_s = heartbeat_s
        self._on_fenced = on_fenced
        self._owner = asyncio.get_running_loop()
        #: The thread's own loop and its alarm, once it runs.
        self._loop: asyncio.AbstractEventLoop | None = None
        self._alarm = asyncio.Event()
        self._is_closed = False
        self._is_away = False
        self._thread = threading.Thread(target=self._run, name="lease", daemon=True)

    def start(self) -> None:
        """Beat from now on."""
        self._thread.start()

    def beat_now(self) -> None:
        """Do not wait for the next beat: there is news."""
        if self._loop is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._alarm.set)

    def close(self) -> None:
        """No beat begins after this."""
        self._is_closed = True
        self.beat_now()

    async def closed(self) -> None:
        """Close, and wait for the beat under way."""
        self.close()
        await asyncio.to_thread(self._thread.join)

    def _run(self) -> None:
        asyncio.run(self._beat_on())

    async def _beat_on(self) -> None:
        self._loop = asyncio.get_running_loop()
        # A beat that comes late is worth nothing: it may not take longer than the time to the next.
        broker = Broker(self._endpoint, timeout_s=self._heartbeat_s)
        try:
            while not self._is_closed:
                if self._vitals.silent_s < STALL_S and await self._beat(broker) == holding.FENCED:
                    self._tell()
                    return
                await self._pause()
        finally:
            await broker.close()

    def _tell(self) -> None:
        """That we are fenced; where the lease was closed, it is no news, and the owner's loop may have ended."""
        if not self._is_closed:
            with suppress(RuntimeError):
                self._owner.call_soon_threadsafe(self._on_fenced)

    async def _beat(self, broker: Broker) -> str:
        vitals = self._vitals
        try:
            reply = await broker.run(holding.beat(self._pool, self._instance, vitals.state, vitals.fields))
        except BrokerUnavailableError as error:
            self._note(away=True, error=str(error))
            return ""
        self._note(away=False)
        return reply

    def _note(self, *, away: bool, error: str = "") -> None:
        if away and not self._is_away:
            log.warning(events.REDIS_LOST, worker=self._instance, error=error)
        elif self._is_away and not away:
            log.info(events.REDIS_BACK, worker=self._instance)
        self._is_away = away

    async def _pause(self) -> None:
        try:
            async with asyncio.timeout(self._heartbeat_s):
                await self._alarm.wait()
        except TimeoutError:
            return
        self._alarm.clear()
