"""The watch over the workers' beats, by this process's own clock."""

from __future__ import annotations

from collections.abc import Sequence

from penstock.broker.observing import InstanceRecord
from scheduler.policy import liveness
from scheduler.policy.facts import Liveness
from scheduler.policy.liveness import Sighting


class BeatWatch:
    """Remembers since when each beat stands still."""

    def __init__(self, lease_ttl_s: float) -> None:
        self._lease_ttl_s = lease_ttl_s
        self._sightings: dict[str, Sighting] = {}
        self._last_look_s = 0.0

    def look(self, instances: Sequence[InstanceRecord], now_s: float) -> dict[str, Liveness]:
        """What each instance's beat says of it now."""
        if not liveness.is_unbroken(self._last_look_s, now_s, self._lease_ttl_s):
            self.restart()
        self._last_look_s = now_s
        self._sightings = {
            one.instance: liveness.sight(self._sightings.get(one.instance), one.beat, now_s) for one in instances
        }
        return {
            instance: liveness.judge(sighting, now_s, self._lease_ttl_s)
            for instance, sighting in self._sightings.items()
        }

    def restart(self) -> None:
        """Measure every silence anew: while we could not look, they may have been unable to beat."""
        self._sightings = {}
