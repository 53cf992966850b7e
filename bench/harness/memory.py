"""How much memory roles take: what the largest process of each has at a moment, and the most that it has later."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

import psutil

from tests.harness.processes import by_role

#: Processes of no interest: who runs the bench, and what is measured by itself.
_LEFT_OUT = frozenset({"other", "redis"})
_EVERY_S = 0.2


class Watch:
    """Looks at the children of this process; those that replace others count for their role."""

    def __init__(self) -> None:
        self._before = dict[str, int]()
        self._after = dict[str, int]()
        self._is_warm = False

    @property
    def growth_mb(self) -> dict[str, float]:
        """By role, in MiB: the most afterwards, less what there was before."""
        return {
            role: round((self._after.get(role, 0) - before) / 2**20, 1) for role, before in sorted(self._before.items())
        }

    @property
    def before_mb(self) -> dict[str, float]:
        """What there was before, by role, in MiB."""
        return {role: round(before / 2**20, 1) for role, before in sorted(self._before.items())}

    def warmed_up(self) -> None:
        """From now on, what is more than before is growth."""
        self._is_warm = True

    def look(self) -> None:
        """Note what each has resident."""
        found = by_role(psutil.Process().children(recursive=True))
        now = {role: max(map(_resident, those)) for role, those in found.items() if role not in _LEFT_OUT}
        if self._is_warm:
            self._after = {role: max(self._after.get(role, 0), now.get(role, 0)) for role in self._after | now}
        else:
            self._before |= now

    @contextlib.contextmanager
    def looking(self) -> Iterator[None]:
        """Look all the time."""
        over = threading.Event()
        thread = threading.Thread(target=self._look_until, args=(over,))
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def _look_until(self, over: threading.Event) -> None:
        while not over.wait(_EVERY_S):
            self.look()


def _resident(process: psutil.Process) -> int:
    """0 for one that is gone."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return int(process.memory_info().rss)
    return 0
