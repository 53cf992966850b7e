"""The rounds: woken by the bell, look at the pool, declare who is lost, and dispatch until nothing moves."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping

from penstock.broker import leading
from penstock.broker.bell import Bell
from penstock.errors import BrokerUnavailableError
from scheduler.dispatch import Dispatcher
from scheduler.policy.facts import Liveness
from scheduler.policy.losses import SILENT_WHY
from scheduler.reaper import Reaper
from scheduler.survey import Survey, Surveyor
from scheduler.term import Term
from scheduler.watch import Watch

#: Between the beginnings of two rounds, and at least as long as the round took: jobs that come thick and fast are
#: assigned by the dozen, and the rounds of a great pool take up half of this process at most.
_GAP_S = 0.002


class Rounds:
    """One pool's rounds, in the order in which they touch it."""

    def __init__(self, term: Term, bell: Bell, dispatcher: Dispatcher, reaper: Reaper, *, tick_s: float) -> None:
        self._term = term
        self._bell = bell
        self._dispatcher = dispatcher
        self._reaper = reaper
        self._tick_s = tick_s
        self._surveyor = Surveyor(term.broker, term.pool)
        self._watch = Watch(term.settings.lease_ttl_s)

    async def settle(self) -> None:
        """Go round until nothing moves, then sleep until the bell rings or a tick is over."""
        began_s = time.monotonic()
        try:
            while not self._term.over.is_set() and await self._round():
                pass
            settled_s = time.monotonic()
            await self._bell.wait(self._tick_s)
            pause_s = began_s + max(_GAP_S, 2 * (settled_s - began_s)) - time.monotonic()
            if pause_s > 0:
                await asyncio.sleep(pause_s)
        except BrokerUnavailableError:
            self._watch.restart()
            raise

    async def _round(self) -> bool:
        survey = await self._surveyor.read(self._dispatcher.page)
        liveness = self._watch.look(survey.present, time.monotonic())
        await self._declare_lost(survey, liveness)
        self._reaper.attend(survey.lost, survey.now_ms)
        return await self._dispatcher.dispatch(survey, survey.workers(liveness))

    async def _declare_lost(self, survey: Survey, liveness: Mapping[str, Liveness]) -> None:
        """The bell rings for each, so that the next round finds it among the lost."""
        calls = [
            leading.declare_lost(self._term.pool, one.instance, beat=one.beat, why=SILENT_WHY)
            for one in survey.present
            if liveness[one.instance] is Liveness.LOST
        ]
        if calls:
            await self._term.broker.run_many(calls)
