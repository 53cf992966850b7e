"""What torch and vLLM read from their surroundings while they are imported."""

from __future__ import annotations

import logging
import os
from importlib import metadata

from penstock.request import MAX_STOP_STRINGS

#: What we want unless the operator says otherwise.
_DEFAULTS = {
    # More threads spin against the ingress and each other: half the tokens per second on two cores.
    "OMP_NUM_THREADS": "1",
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    # vLLM's log goes where this process's log goes, and re-building its handlers took 50 ms in every process.
    "VLLM_CONFIGURE_LOGGING": "0",
    "VLLM_LOGGING_LEVEL": "ERROR",
    "VLLM_NO_USAGE_STATS": "1",
    "TORCH_CPP_LOG_LEVEL": "ERROR",
    # By torch's source, compiling a model sets a folder for Triton's kernels and loading the compiled one sets none, so
    # that a second start looks in another place than the first.
    "TRITON_CACHE_DIR": "~/.cache/penstock/triton",
}
#: What a request may hold is said in one place, which is not vLLM.
_LIMITS = {
    "VLLM_MAX_STOP_STRINGS": str(MAX_STOP_STRINGS),
    # In seconds of the clock, which a busy machine makes long: trials count processor time.
    "VLLM_REGEX_COMPILATION_TIMEOUT_S": "0",
}
#: On a CPU in addition, unless the model is to be compiled.
_EAGER_DEFAULTS = {
    # The first request for log probabilities would wait 18 s for a compiler, to gain microseconds.
    "TORCHDYNAMO_DISABLE": "1",
}


def prepare(*, is_compiled: bool) -> None:
    """Set the defaults; to be called before the first import of torch or vLLM."""
    is_eager = not is_compiled and metadata.version("torch").endswith("+cpu")
    for name, value in (_DEFAULTS | _EAGER_DEFAULTS if is_eager else _DEFAULTS).items():
        os.environ.setdefault(name, os.path.expanduser(value))  # noqa: PTH111 - a user without a home is no error
    os.environ |= _LIMITS
    logging.getLogger("vllm").setLevel(os.environ["VLLM_LOGGING_LEVEL"])
