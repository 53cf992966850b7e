"""A worker's lease, as its event loop has it: each turn of the loop tells the pulse to go on, see workers/pulse.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from penstock.errors import LeaseError
from workers.pulse import Word, encode_word, received

if TYPE_CHECKING:
    import socket

    from workers.vitals import Vitals


class Lease:
    """One worker's, for one instance after the other."""

    def __init__(self, pulse: socket.socket, vitals: Vitals) -> None:
        """`pulse` is the worker's end of the wire."""
        self._pulse = pulse
        self._vitals = vitals
        self._instance = ""
        self._on_fenced: Callable[[], None] = _nobody

    def hold(self, instance: str, on_fenced: Callable[[], None]) -> None:
        """Have an instance's lease renewed from now on; `on_fenced` is called once it cannot be."""
        self._instance, self._on_fenced = instance, on_fenced
        self.tell()

    def release(self) -> None:
        """No beat begins after this, and nothing is told."""
        self._instance, self._on_fenced = "", _nobody
        self._send(Word(""))

    def tell(self) -> None:
        """The event loop turns, and this is how things are. Raises LeaseError where the pulse does not listen."""
        self._send(Word(self._instance, self._vitals.state.value, self._vitals.fields))

    async def listen(self) -> None:
        """Hear the pulse for good. Raises LeaseError when it ends: without it, this worker would serve unseen."""
        while name := await received(self._pulse):
            if name.decode() == self._instance:
                self._on_fenced()
        raise LeaseError("The process that renews this worker's lease has ended.")

    def _send(self, word: Word) -> None:
        try:
            self._pulse.send(encode_word(word))
        except BlockingIOError:
            raise LeaseError("The process that renews this worker's lease stands still.") from None
        except OSError:
            # It has ended, which `listen` hears; who says goodbye needs it no more.
            return


def _nobody() -> None:
    """Whom nothing is told."""
