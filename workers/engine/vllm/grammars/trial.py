"""The process that compiles a grammar before EngineCore does, within its limits of time and memory or not at all.

A server is forked once, while its process is young; it forks a child for each trial. A child needs nobody to end it:
the kernel does, when its time is up or when whoever asked hangs up.
"""

from __future__ import annotations

import contextlib
import fcntl
import gc
import os
import resource
import signal
import socket
from dataclasses import fields
from typing import Any, NoReturn

import msgspec
from msgspec import Struct
from vllm.config import VllmConfig
from vllm.sampling_params import SamplingParams, StructuredOutputsParams
from vllm.utils.system_utils import set_process_title
from vllm.v1.structured_output.backend_types import StructuredOutputBackend
from vllm.v1.structured_output.request import get_structured_output_key

_NICENESS = 5
_READ_BYTES = 1 << 20
_MIB = 1 << 20
_STATM_DATA = 5


class Question(Struct, frozen=True):
    """What is to be compiled, within how much processor time."""

    params: dict[str, Any]
    cpu_s: float


class TrialVerdict(Struct, frozen=True):
    """That it was compiled, or why it cannot be."""

    refused: str | None = None
    #: What EngineCore is to be given.
    params: dict[str, Any] = {}
    backend: str = ""


def given(params: StructuredOutputsParams) -> dict[str, Any]:
    """What a request says of its grammar."""
    return {field.name: getattr(params, field.name) for field in fields(params) if field.init}


class Room:
    """What a trial needs: the model's vocabulary, and how much memory it may take."""

    def __init__(self, config: VllmConfig, tokenizer: Any, backend: StructuredOutputBackend, memory_mb: int) -> None:
        self._config = config
        self._tokenizer = tokenizer
        self._backend = backend
        self._memory_bytes = memory_mb * _MIB

    def fork_server(self) -> tuple[int, socket.socket]:
        """Start the server; its pid, and the socket that takes a connection for each trial."""
        ours, theirs = socket.socketpair()
        pid = os.fork()
        if pid == 0:
            try:
                self._serve(theirs)
            finally:
                os._exit(1)
        theirs.close()
        return pid, ours

    def _serve(self, control: socket.socket) -> NoReturn:
        set_process_title("Grammars")
        # The worker's connections are not ours to keep open.
        os.closerange(3, control.fileno())
        os.closerange(control.fileno() + 1, os.sysconf("SC_OPEN_MAX"))
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        # Children are nobody's to wait for.
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        gc.freeze()
        while True:
            data, descriptors, *_ = socket.recv_fds(control, 1, 1)
            if not data:
                os._exit(0)
            if os.fork() == 0:
                try:
                    control.close()
                    self._try(socket.socket(fileno=descriptors[0]))
                finally:
                    os._exit(1)
            os.close(descriptors[0])

    def _try(self, asker: socket.socket) -> None:
        question = msgspec.json.decode(b"".join(iter(lambda: asker.recv(_READ_BYTES), b"")), type=Question)
        self._limit(asker, question.cpu_s)
        verdict = self._verdict(StructuredOutputsParams(**question.params))
        with contextlib.suppress(OSError):
            asker.sendall(msgspec.json.encode(verdict))

    def _limit(self, asker: socket.socket, cpu_s: float) -> None:
        """Leave the rest to the kernel: it acts in the midst of a compile, where no Python would."""
        os.nice(_NICENESS)
        signal.setitimer(signal.ITIMER_PROF, cpu_s)
        data_bytes = int(open("/proc/self/statm").read().split()[_STATM_DATA]) * resource.getpagesize()  # noqa: SIM115, PTH123
        resource.setrlimit(resource.RLIMIT_DATA, (data_bytes + self._memory_bytes,) * 2)
        fcntl.fcntl(asker, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(asker, fcntl.F_SETFL, fcntl.fcntl(asker, fcntl.F_GETFL) | os.O_ASYNC)
        # A compiler's warnings would tell the log what the client is told.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)

    def _verdict(self, params: StructuredOutputsParams) -> TrialVerdict:
        try:
            SamplingParams(structured_outputs=params)._validate_structured_outputs(  # noqa: SLF001 - nothing public checks
                self._config.model_config, self._config.structured_outputs_config, self._tokenizer
            )
            grammar = self._backend.compile_grammar(*get_structured_output_key(params))
            grammar.fill_bitmask(self._backend.allocate_token_bitmask(1), 0)
        except MemoryError:
            raise
        except Exception as error:  # noqa: BLE001 - compilers raise whatever they like
            return TrialVerdict(refused=f"{type(error).__name__}: {error}")
        return TrialVerdict(params=given(params), backend=params._backend or "")  # noqa: SLF001 - what the check settled on
