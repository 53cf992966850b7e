"""The prompts that a simulated engine processes, one after the other. Pure: times are passed in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workers.engine.simulated.latency import prefill_s

if TYPE_CHECKING:
    from workers.engine.simulated.run import SimulatedRun
    from workers.engine.simulated.settings import SimulatedSettings


class Prefilling:
    """Runs in the order in which their prompts are processed."""

    def __init__(self, settings: SimulatedSettings) -> None:
        self._settings = settings
        self._runs: dict[str, SimulatedRun] = {}
        self._free_at_s = 0.0

    def __len__(self) -> int:
        return len(self._runs)

    @property
    def next_ready_s(self) -> float | None:
        """When the first prompt is processed."""
        first = next(iter(self._runs.values()), None)
        return None if first is None else first.ready_at_s

    def add(self, run: SimulatedRun, uncached_tokens: int, now_s: float) -> None:
        """Process a prompt after those that are here."""
        run.prefill_s = prefill_s(self._settings, uncached_tokens)
        run.ready_at_s = self._free_at_s = max(now_s, self._free_at_s) + run.prefill_s
        self._runs[run.id] = run

    def take_ready(self, now_s: float) -> list[SimulatedRun]:
        """The runs whose prompts are processed; they are here no more."""
        ready = [run for run in self._runs.values() if run.ready_at_s <= now_s]
        for run in ready:
            del self._runs[run.id]
        return ready

    def drop(self, id_: str) -> None:
        """A run is cancelled, if it is here; `close_up` gives its time to the others."""
        self._runs.pop(id_, None)

    def close_up(self, now_s: float) -> None:
        """Have each prompt that waits begin when the one before it is done."""
        self._free_at_s = now_s
        for run in self._runs.values():
            if run.ready_at_s - run.prefill_s > now_s:
                run.ready_at_s = self._free_at_s + run.prefill_s
            self._free_at_s = max(self._free_at_s, run.ready_at_s)

    def clear(self) -> None:
        """Nothing is processed any more."""
        self._runs.clear()
