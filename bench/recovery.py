"""How long streams stand still when their worker is killed, over their wait for a first token.

SIGKILL of one of two vLLM workers under 64 streams, of which none may lose, repeat or change a token. Argument: a seed.
"""

from __future__ import annotations

import asyncio
import random
import statistics
import sys
import time
from dataclasses import dataclass
from functools import partial

import uvloop

from bench.harness.hardware import SHARED_GPU
from bench.harness.headline import Bound, Headline, publish
from bench.harness.sse_client import Streamed, stream
from models.corpus import load
from tests.eventual import until
from tests.harness.up import Up, running

HEADLINE = Headline("start_ratio", Bound.AT_MOST, 3)
ROUNDS = 3
STREAMS = 64
MAX_TOKENS = 200
WORKERS = 2
#: A worker that has served for longer than this is replaced without a pause when it ends.
SETTLED_S = 11.0

CONFIG = {
    "models": {"demo": {"pool": "demo"}},
    "pools": {
        "demo": {
            "engine": "vllm",
            "model": "demo",
            "workers": WORKERS,
            "slots": 64,
            "options": {"dtype": "float32", "max_model_len": 2048, "engine_args": SHARED_GPU},
        }
    },
    "telemetry": {"log_level": "warning"},
}


@dataclass(frozen=True, slots=True)
class Round:
    """The same questions twice: uncut, and with a kill in the middle."""

    uncut: list[Streamed]
    cut: list[Streamed]
    killed_s: float

    @property
    def start_s(self) -> float:
        """How long the uncut streams waited for their first tokens: a prefill of all of them."""
        return _p99([answer.ttft_s for answer in self.uncut])

    @property
    def stall_s(self) -> float:
        """How long those that were cut stood still."""
        return _p99([answer.longest_stall_s for answer in self.cut])

    @property
    def changed(self) -> int:
        """Streams whose text is not that of the uncut run."""
        return sum(one.text() != other.text() for one, other in zip(self.cut, self.uncut, strict=True))

    @property
    def interrupted(self) -> int:
        """Streams that were not over when the worker was killed."""
        return sum(answer.ended_s > self.killed_s for answer in self.cut)


def _p99(values: list[float]) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[98]


async def _has_all_workers(stack: Up) -> bool:
    return len(stack.by_role().get("worker", [])) == WORKERS


async def ask_all(port: int, questions: list[str]) -> list[Streamed]:
    """Every question at once; the answers go on to the token limit so that all streams run together."""
    options = {"temperature": 0, "max_tokens": MAX_TOKENS, "ignore_eos": True}
    return await asyncio.gather(*(stream(port, "demo", question, **options) for question in questions))


async def one_round(stack: Up, questions: list[str], chance: random.Random) -> Round:
    """A worker is killed at a random moment of the middle of the second run."""
    await until(partial(_has_all_workers, stack))
    await asyncio.sleep(SETTLED_S)
    # What a worker does for the first time takes longer, and one of them is new.
    await ask_all(stack.port, questions)
    begun_s = time.monotonic()
    uncut = await ask_all(stack.port, questions)
    took_s = time.monotonic() - begun_s
    answers = asyncio.ensure_future(ask_all(stack.port, questions))
    await asyncio.sleep(took_s * chance.uniform(0.25, 0.6))
    assert not answers.done()
    chance.choice(stack.by_role()["worker"]).kill()
    killed_s = time.monotonic()
    return Round(uncut, await answers, killed_s)


async def measure(seed: int) -> dict[str, object]:
    """A few rounds on one stack, whose host replaces what was killed."""
    asked = [one.ask[0] for one in load()]
    questions = [asked[number % len(asked)] for number in range(STREAMS)]
    chance = random.Random(seed)
    with running(CONFIG) as stack:
        rounds = [await one_round(stack, questions, chance) for _ in range(ROUNDS)]
    return {
        "start_ratio": round(statistics.median(one.stall_s / one.start_s for one in rounds), 2),
        "stall_p99_s": [round(one.stall_s, 3) for one in rounds],
        "start_p99_s": [round(one.start_s, 3) for one in rounds],
        "interrupted": [one.interrupted for one in rounds],
        "changed": sum(one.changed for one in rounds),
        "streams": STREAMS,
        "seed": seed,
    }


def main() -> int:
    """Returns 1 where it took too long or a stream was changed."""
    seed = int(sys.argv[1]) if len(sys.argv) > 1 else random.SystemRandom().randrange(1 << 30)
    figures = uvloop.run(measure(seed))
    flaws = [f"{figures['changed']} streams were changed"] if figures["changed"] else []
    return publish(__file__, HEADLINE, figures, flaws)


if __name__ == "__main__":
    sys.exit(main())
