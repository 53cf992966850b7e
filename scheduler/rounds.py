"""The rounds: woken by the bell, look at the pool, declare who is lost, and dispatch until nothing moves."""

from __future__ import annotations

import time
from collections.abc import Mapping

from penstock.broker import leading
from penstock.broker.bell import Bell
from penstock.errors import BrokerError
from scheduler.dispatch import Dispatcher
from scheduler.policy.facts import Liveness
from scheduler.policy.losses import SILENT_WHY
from scheduler.policy.pace import Pace
from scheduler.reaper import Reaper
from scheduler.survey import Survey, Surveyor
from scheduler.term import Term, rest
from scheduler.trouble import Trouble
from scheduler.watch import Watch


class Rounds:
    """One pool's rounds, in the order in which they touch it."""

    def __init__(
        self, term: Term, trouble: Trouble, bell: Bell, dispatcher: Dispatcher, reaper: Reaper, *, tick_s: float
    ) -> None:
        self._term = term
        self._trouble = trouble
        self._bell = bell
        self._dispatcher = dispatcher
        self._reaper = reaper
        self._tick_s = tick_s
        self._surveyor = Surveyor(term.broker, term.pool)
        self._watch = Watch(term.settings.lease_ttl_s)
        self._pace = Pace()

    async def next(self) -> None:
        """Sleep until the bell rings or a tick is over, then go round until nothing moves."""
        try:
            survey = await self._surveyor.read_after(self._bell, self._tick_s, self._dispatcher.page)
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
        """The bell rings for each, so that the next round finds it among the lost."""
        calls = [
            leading.declare_lost(self._term.pool, one.instance, beat=one.beat, why=SILENT_WHY)
            for one in survey.present
            if liveness[one.instance] is Liveness.LOST
        ]
        if calls:
            await self._trouble.readable(await self._term.broker.run_each(calls))
