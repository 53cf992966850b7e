"""Whether an engine still serves."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from penstock.errors import EngineDeadError

if TYPE_CHECKING:
    from workers.engine.base import Engine
    from workers.executor import Executor

_PERIOD_S = 0.5


async def watch(engine: Engine, executor: Callable[[], Executor], stall_s: float) -> None:
    """Look at an engine, and at what the present executor gets of it, for good. Raises EngineDeadError.

    Time counts by looks and not by the clock: a process that was stopped for a while has not watched.
    """
    quiet_s = 0.0
    steps = 0
    while True:
        await engine.health()
        now = executor()
        quiet_s = quiet_s + _PERIOD_S if now.is_generating and now.steps == steps else 0.0
        steps = now.steps
        if quiet_s > stall_s:
            raise EngineDeadError(f"The engine has produced nothing for {stall_s:g} s although it has work.")
        await asyncio.sleep(_PERIOD_S)
