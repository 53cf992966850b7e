"""How long a command goes on trying to reach a server that it had reached before."""

from __future__ import annotations

import time
from collections.abc import Callable

from penstock.cli.remote.failures import ConnectionLostError, ServerError

#: As long as a restart takes, of an ingress or of all of Penstock.
GIVE_UP_S = 60.0
_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 2.0
_LONGEST_ASKED_S = 10.0
#: What is over sooner is not worth a word.
_TOLD_AFTER_S = 1.0


def pause_s(failures: int, failing_s: float, asked_s: float | None) -> float | None:
    """How long to wait before the next attempt, after so many failures in a row; None to give up."""
    if failing_s >= GIVE_UP_S:
        return None
    if asked_s is not None:
        return min(asked_s, _LONGEST_ASKED_S)
    return min(_FIRST_PAUSE_S * 2.0 ** min(failures, 10), _LONGEST_PAUSE_S)


class Patience:
    """Counts failures in a row, and waits between attempts."""

    def __init__(
        self,
        *,
        is_known: bool = False,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """`is_known`: whether the server has answered before, so that it is likely to come back."""
        self._is_known = is_known
        self._now = now
        self._sleep = sleep
        self._failures = 0
        self._failing_since_s = 0.0
        self._is_told = False
        #: Told of an error that is waited for, once, and of its end (None).
        self.watch: Callable[[ServerError | None], None] = lambda _: None

    def heard(self) -> None:
        """Something came from the server."""
        self._is_known = True
        self._failures = 0
        if self._is_told:
            self._is_told = False
            self.watch(None)

    def wait(self, error: ServerError) -> None:
        """Wait until the next attempt. Raises the error where none can help."""
        if not error.may_pass or not (self._is_known or isinstance(error, ConnectionLostError)):
            raise error
        self._is_known = True
        now_s = self._now()
        if not self._failures:
            self._failing_since_s = now_s
        pause = pause_s(self._failures, now_s - self._failing_since_s, error.retry_after_s)
        if pause is None:
            raise error
        self._failures += 1
        if not self._is_told and now_s - self._failing_since_s >= _TOLD_AFTER_S:
            self._is_told = True
            self.watch(error)
        self._sleep(pause)
