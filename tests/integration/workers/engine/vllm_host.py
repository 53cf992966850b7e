"""A stand-in for the worker host: imports vLLM, forks a worker that serves one engine, and says which processes."""

from __future__ import annotations

import asyncio
import os
import sys
import time

from penstock.process import die_with_parent
from penstock.request import Sampling
from workers.engine.base import Generation, Output
from workers.engine.vllm import VllmEngine, VllmSettings
from workers.engine.vllm.preload import preload


async def _serve(model: str, forked_at: float) -> None:
    first = asyncio.Event()

    def sink(_outputs: list[Output]) -> None:
        first.set()

    engine = VllmEngine(VllmSettings(model=model))
    await engine.start(sink)
    prompt = engine.tokenizer.encode("Hello")
    await engine.submit(Generation(id="first", prompt=prompt, sampling=Sampling(max_tokens=1)))
    await first.wait()
    print(f"ready worker={os.getpid()} seconds={time.monotonic() - forked_at:.3f}", flush=True)  # noqa: T201
    await asyncio.Event().wait()


def main(model: str) -> None:
    """Fork one worker and wait for its end."""
    preload([model])
    host, forked_at = os.getpid(), time.monotonic()
    worker = os.fork()
    if worker == 0:
        die_with_parent(parent_pid=host)
        asyncio.run(_serve(model, forked_at))
    os.waitpid(worker, 0)
    # The ordinary end of an interpreter with frozen objects prints what C++ libraries think they leaked.
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1])
