"""Whether Redis answers a process: told once when it does not, and once when it does again."""

from __future__ import annotations

from penstock.telemetry import events, logs

_log = logs.get()


class Contact:
    """What the parts of one process know of it: it is lost with the first of them, and back with the last."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._away = set[str]()

    def lost(self, part: str, why: str, **about: str) -> None:
        """It did not answer this part."""
        if not self._away:
            _log.warning(events.REDIS_LOST, address=self._address, why=why, **about)
        self._away.add(part)

    def back(self, part: str, **about: str) -> None:
        """It answered this part."""
        if part not in self._away:
            return
        self._away.discard(part)
        if not self._away:
            _log.info(events.REDIS_BACK, address=self._address, **about)
