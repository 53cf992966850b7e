"""The duties of a leader, side by side until its term is over."""

from __future__ import annotations

import asyncio

from penstock.broker.bell import Bell
from penstock.settings import SchedulerSettings
from scheduler.dispatch import Dispatcher
from scheduler.expiry import Expiry
from scheduler.gauges import Gauges
from scheduler.reaper import Reaper
from scheduler.reconcile import Reconciler
from scheduler.rounds import Rounds
from scheduler.term import Term, repeat

_GAUGES_EVERY_S = 2.0


async def fulfil(term: Term, settings: SchedulerSettings, *, traced: bool) -> None:
    """Do all duties; returns soon after the term is over."""
    bell = Bell(term.broker, term.pool)
    gauges = Gauges(term)
    try:
        async with asyncio.TaskGroup() as duties:
            rounds = Rounds(term, bell, Dispatcher(term, traced=traced), Reaper(term, duties), tick_s=settings.tick_s)
            duties.create_task(repeat(term.over, rounds.next, pause_s=0))
            duties.create_task(repeat(term.over, Expiry(term).sweep, pause_s=settings.tick_s))
            duties.create_task(repeat(term.over, Reconciler(term).sweep, pause_s=settings.reconcile_s))
            duties.create_task(repeat(term.over, gauges.refresh, pause_s=_GAUGES_EVERY_S))
    finally:
        gauges.clear()
        await bell.close()
