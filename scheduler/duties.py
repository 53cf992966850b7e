"""The duties of a leader, side by side until its term is over."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from penstock.broker.repeating import repeat
from penstock.broker.trouble import Duty, Trouble
from penstock.broker.wake_up import WakeUp
from penstock.settings import SchedulerSettings
from scheduler.dispatch import Dispatcher
from scheduler.expiry import Expiry
from scheduler.gauges import PoolGauges
from scheduler.reaper import Reaper
from scheduler.reconcile import Reconciler
from scheduler.rounds import Rounds
from scheduler.term import Term

_GAUGES_EVERY_S = 2.0


async def fulfil(term: Term, settings: SchedulerSettings, *, traced: bool) -> None:
    """Do all duties, each in spite of what troubles the others; returns soon after the term is over."""
    wake_up = WakeUp.for_leader(term.broker, term.pool)
    gauges = PoolGauges(term)
    try:
        async with asyncio.TaskGroup() as duties:

            def begin(duty: Duty, make: Callable[[Trouble], Callable[[], Awaitable[None]]], pause_s: float) -> None:
                trouble = term.trouble(duty)
                duties.create_task(repeat(term.over, make(trouble), trouble, pause_s=pause_s))

            dispatcher, reaper = Dispatcher(term, traced=traced), Reaper(term, duties)
            tick_s = settings.tick_s
            begin(Duty.DISPATCH, lambda it: Rounds(term, it, wake_up, dispatcher, reaper, tick_s=tick_s).next, 0)
            begin(Duty.EXPIRE, lambda it: Expiry(term, it).sweep, tick_s)
            begin(Duty.RECONCILE, lambda it: Reconciler(term, it).sweep, settings.reconcile_s)
            begin(Duty.GAUGES, lambda _: gauges.refresh, _GAUGES_EVERY_S)
    finally:
        gauges.clear()
        await wake_up.close()
