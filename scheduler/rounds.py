"""The rounds: woken from outside, look at the pool, declare who is lost, and dispatch until nothing moves."""

from __future__ import annotations

import time
from collections.abc import Mapping

from penstock.broker import leading
from penstock.broker.repeating import rest
from penstock.broker.trouble import Trouble
from penstock.broker.wake_up import WakeUp
from penstock.errors import BrokerError
from scheduler.dispatch import Dispatcher
from scheduler.policy.facts import Liveness
from scheduler.policy.losses import SILENT_WHY
from scheduler.policy.pace import Pace
from scheduler.reaper import Reaper
from scheduler.survey import Survey, Surveyor
from scheduler.term import Term
from scheduler.watch import BeatWatch


class Rounds:
    """One pool's rounds, in the order in which they touch it."""

    def __init__(
        self, term: Term, trouble: Trouble, wake_up: WakeUp, dispatcher: Dispatcher, reaper: Reaper, *, tick_s: float
    ) -> None:
        self._term = term
        self._trouble = trouble
        self._wake_up = wake_up
        self._dispatcher = dispatcher
        self._reaper = reaper
        self._tick_s = tick_s
        self._surveyor = Surveyor(term.broker, term.pool)
        self._watch = BeatWatch(term.settings.lease_ttl_s)
        self._pace = Pace()

    async def next(self) -> None:
        """Sleep until woken, at most a tick, then go round until nothing moves."""
        try:
            survey = await self._surveyor.read_after(self._wake_up, self._tick_s, self._dispatcher.page)
            while await self._round(survey) and not self._term.over.is_set():
                survey = await self._surveyor.read(self._dispatcher.page)
        except BrokerError:
            self._watch.restart()
            raise
        self._pace = self._pace.after_round(time.monotonic())
        await rest(self._term.over, self._pace.pause_s)

    async def _round(self, survey: Survey) -> bool:
        """True where another may find more to do."""
        if survey.errors:
            await self._trouble.met(*survey.errors)
        liveness = self._watch.look(survey.present, time.monotonic())
        await self._declare_lost(survey, liveness)
        self._reaper.attend(survey.lost, survey.now_ms)
        return await self._dispatcher.dispatch(survey, survey.workers(liveness))

    async def _declare_lost(self, survey: Survey, liveness: Mapping[str, Liveness]) -> None:
        """Each wakes the leader, so that the next round finds it among the lost."""
        calls = [
            leading.declare_lost(self._term.pool, one.instance, beat=one.beat, why=SILENT_WHY)
            for one in survey.present
            if liveness[one.instance] is Liveness.LOST
        ]
        if calls:
            await self._trouble.readable(await self._term.broker.run_each(calls))
