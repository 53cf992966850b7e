"""The worker's side of trials: who waits for which, and what is known already."""

from __future__ import annotations

import asyncio
import hashlib
import os
import signal
import socket
from collections import OrderedDict
from contextlib import suppress

import msgspec
from vllm.sampling_params import StructuredOutputsParams

from penstock.errors import EngineDeadError, InvalidRequestError
from workers.engine.vllm.faults import client_faults
from workers.engine.vllm.grammars.trial import Question, Room, TrialVerdict, given

#: What most grammars need by far; those that need more wait for each other, and nobody waits for them.
_QUICK_S = 0.5
_QUICK_SIDE_BY_SIDE = 4
_SLOW_SIDE_BY_SIDE = 1
#: A trial that a busy machine keeps from its processor time is not waited for without end.
_PATIENCE = 10
_REMEMBERED = 512


class Trials:
    """Asks the server of trials; the same question is asked once."""

    def __init__(self, room: Room, *, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._pid, self._control = room.fork_server()
        self._quick = asyncio.Semaphore(_QUICK_SIDE_BY_SIDE)
        self._slow = asyncio.Semaphore(_SLOW_SIDE_BY_SIDE)
        #: Whether nothing can be tried any more.
        self.is_dead = False
        self._known: OrderedDict[bytes, TrialVerdict | None] = OrderedDict()

    async def tried(self, params: StructuredOutputsParams, field: str) -> StructuredOutputsParams:
        """What EngineCore may be given: checked, and compiled once in time.

        Raises InvalidRequestError, which names `field`, and EngineDeadError where nothing can be tried any more.
        """
        wanted = given(params)
        key = hashlib.sha256(msgspec.json.encode(wanted)).digest()
        if key not in self._known:
            self._remember(key, await self._tried(wanted))
        self._known.move_to_end(key)
        verdict = self._known[key]
        if verdict is None:
            raise InvalidRequestError(
                f"{field} takes more than {self._timeout_s:g} s, or too much memory, to be compiled for this model: "
                "fewer optional properties, alternatives and repetitions are quicker.",
                param=field,
            )
        with client_faults(field):
            if verdict.refused is not None:
                raise ValueError(verdict.refused)
        checked = StructuredOutputsParams(**verdict.params)
        checked._backend = verdict.backend  # noqa: SLF001 - as vLLM's own check leaves it
        return checked

    def close(self) -> None:
        """End the server and its trials. Blocks for a moment."""
        self._control.close()
        with suppress(ProcessLookupError, ChildProcessError):
            os.kill(self._pid, signal.SIGKILL)
            os.waitpid(self._pid, 0)

    def _remember(self, key: bytes, verdict: TrialVerdict | None) -> None:
        self._known[key] = verdict
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)

    async def _tried(self, wanted: dict[str, object]) -> TrialVerdict | None:
        """None where it was killed. Those that are slow are begun anew, one after the other."""
        quick_s = min(_QUICK_S, self._timeout_s)
        async with self._quick:
            verdict = await self._ask(Question(wanted, quick_s))
        if verdict is not None or quick_s == self._timeout_s:
            return verdict
        async with self._slow:
            return await self._ask(Question(wanted, self._timeout_s))

    async def _ask(self, question: Question) -> TrialVerdict | None:
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                socket.send_fds(self._control, [b"t"], [theirs.fileno()])
        except OSError as error:
            ours.close()
            self.is_dead = True
            raise EngineDeadError("The process that tries grammars has ended.") from error
        reader, writer = await asyncio.open_unix_connection(sock=ours)
        try:
            writer.write(msgspec.json.encode(question))
            writer.write_eof()
            async with asyncio.timeout(question.cpu_s * _PATIENCE):
                answer = await reader.read()
        except (TimeoutError, OSError):
            return None
        finally:
            # A trial that still runs ends with it.
            writer.close()
        return msgspec.json.decode(answer, type=TrialVerdict) if answer else None
