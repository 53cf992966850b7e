"""A batch of 50,000 lines while processes die: memory does not grow, and no line is lost or twice.

SIGKILL of the background process five times and of a worker twice, and one restart of Redis, spread over the batch.
The simulated engine's answers are known, so that each line is compared with what it must say.
"""

from __future__ import annotations

import collections
import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import redis
from openai.types import Batch

from bench.harness.batch_client import BatchClient, has_ended
from bench.harness.batch_lines import answered, write_lines
from bench.harness.headline import Bound, Headline, publish
from bench.harness.memory import Watch
from penstock.request import Api, parse, sampling
from penstock.text.chat.conversation import Conversation
from penstock.text.sim_tokenizer import SimulatedTokenizer
from tests.harness.stack import Stack, running
from tests.simulated_answers import expected_text
from workers.engine.simulated.settings import SimulatedSettings

HEADLINE = Headline("memory_growth_mb", Bound.AT_MOST, 50)
REDIS_GROWTH_MB = 100
LINES = 50_000
#: The share of the lines after which memory counts as grown where it is more.
WARM = 0.2
LIMIT_S = 1200.0
_LOOK_EVERY_S = 0.2

#: Two workers, on which a job takes some tenths of a second: each kill cuts many short.
POOL: dict[str, Any] = {
    "slots": 64,
    "options": {"prefill_ms_base": 0, "prefill_us_per_token": 0, "itl_ms": 5, "full_batch_slowdown": 1.0},
}
WORKERS = (2,)


def kill_background(stack: Stack) -> None:
    """SIGKILL, and a new one, as whoever supervises it would start."""
    (background,) = stack.backgrounds
    background.send(signal.SIGKILL)
    background.end(10.0)
    background.start()


def kill_worker(stack: Stack) -> None:
    """SIGKILL of one; its host replaces it."""
    pids = stack.worker_pids
    if pids:
        os.kill(pids[0], signal.SIGKILL)


def restart_redis(stack: Stack) -> None:
    """SIGKILL and a start on what it has on disk."""
    stack.redis.kill()
    stack.redis.start()


#: By the share of the lines that are done.
TROUBLES: Mapping[float, Callable[[Stack], None]] = {
    0.25: kill_background,
    0.32: kill_worker,
    0.40: kill_background,
    0.50: restart_redis,
    0.58: kill_background,
    0.66: kill_worker,
    0.75: kill_background,
    0.90: kill_background,
}


def body(number: int) -> dict[str, Any]:
    """A request whose answer nobody else has."""
    messages = [{"role": "user", "content": f"Question {number}: what is {number} good for?"}]
    return {"model": "sim", "messages": messages, "max_tokens": 8 + number % 17}


def expected(number: int, settings: SimulatedSettings) -> str:
    """What the engine answers to it."""
    request = parse(Api.CHAT, msgspec.json.encode(body(number)))
    prompt = SimulatedTokenizer().chat(Conversation(messages=body(number)["messages"]))
    return expected_text(prompt, sampling(request), settings)


class RedisMemory:
    """What Redis has used at a moment, and the most that it has used since."""

    def __init__(self, url: str) -> None:
        self._client = redis.Redis.from_url(url)
        self._before = self._after = 0

    @property
    def growth_mb(self) -> float:
        """In MiB."""
        return round((self._after - self._before) / 2**20, 1)

    def look(self, *, is_warm: bool) -> None:
        """Note what it uses, if it answers."""
        with contextlib.suppress(redis.RedisError):
            used = int(self._client.info("memory")["used_memory"])  # type: ignore[index]  # redis-py mixes its clients
            if is_warm:
                self._after = max(self._after, used)
            else:
                self._before = used


def run(stack: Stack, client: BatchClient, batch_id: str) -> tuple[Batch, Watch, RedisMemory, int]:
    """Let it run, with all troubles; returns it after its end, what memory was, and how many troubles there were."""
    watch, memory = Watch(), RedisMemory(stack.redis.url)
    troubles, until_s = collections.deque(TROUBLES.items()), time.monotonic() + LIMIT_S
    while not has_ended(batch := client.look(batch_id)):
        done = _done(batch) / LINES
        if done >= WARM:
            watch.warmed_up()
        watch.look()
        memory.look(is_warm=done >= WARM)
        if troubles and done >= troubles[0][0]:
            troubles.popleft()[1](stack)
        if time.monotonic() > until_s:
            raise TimeoutError(f"{batch_id} is {batch.status} after {LIMIT_S:.0f} s: {batch.request_counts}")
        time.sleep(_LOOK_EVERY_S)
    return batch, watch, memory, len(TROUBLES) - len(troubles)


def _done(batch: Batch) -> int:
    return batch.request_counts.completed + batch.request_counts.failed if batch.request_counts else 0


def faults(lines: Iterator[Mapping[str, Any]], settings: SimulatedSettings) -> dict[str, int]:
    """What is wrong with the lines of both files."""
    seen, repeated, changed = bytearray(LINES), 0, 0
    for line in lines:
        number = int(line["custom_id"])
        repeated += seen[number]
        seen[number] = 1
        changed += line["response"] is None or not _is_right(line, number, settings)
    return {"missing": seen.count(0), "repeated": repeated, "changed": changed}


def _is_right(line: Mapping[str, Any], number: int, settings: SimulatedSettings) -> bool:
    return line["response"]["status_code"] == 200 and answered(line).text == expected(number, settings)


def measure(stack: Stack, folder: Path) -> dict[str, Any]:
    """One batch from its upload to the last line of its output."""
    client, path = BatchClient(stack.urls[0]), folder / "input.jsonl"
    write_lines(path, map(body, range(LINES)))
    file_id = client.upload(path)
    begun_s = time.monotonic()
    batch, watch, memory, struck = run(stack, client, client.create(file_id).id)
    took_s = time.monotonic() - begun_s
    files = [file_id for file_id in (batch.output_file_id, batch.error_file_id) if file_id]
    wrong = faults(
        (line for file_id in files for line in client.lines(file_id)), SimulatedSettings.parse(POOL["options"])
    )
    return {
        "memory_growth_mb": max(watch.growth_mb.values()),
        "redis_growth_mb": memory.growth_mb,
        **wrong,
        "status": batch.status,
        "troubles": struck,
        "lines": LINES,
        "lines_s": round(LINES / took_s),
        "took_s": round(took_s),
        "growth_mb": watch.growth_mb,
        "before_mb": watch.before_mb,
    }


def flaws(figures: Mapping[str, Any]) -> list[str]:
    """What must not happen however little memory it takes."""
    found = [f"{figures[what]} lines are {what}" for what in ("missing", "repeated", "changed") if figures[what]]
    if figures["redis_growth_mb"] > REDIS_GROWTH_MB:
        found.append(f"Redis has grown by {figures['redis_growth_mb']} MiB, at most {REDIS_GROWTH_MB} are fine")
    if figures["status"] != "completed":
        found.append(f"the batch is {figures['status']}")
    if figures["troubles"] < len(TROUBLES):
        found.append(f"it was over after {figures['troubles']} of {len(TROUBLES)} troubles")
    return found


def main() -> int:
    """Returns 1 where memory has grown or a line is wrong."""
    with (
        TemporaryDirectory(prefix="penstock-", ignore_cleanup_errors=True) as name,
        running(Path(name), POOL, backgrounds=1, workers=WORKERS, telemetry={"log_level": "warning"}) as stack,
    ):
        figures = measure(stack, Path(name))
    return publish(__file__, HEADLINE, figures, flaws(figures))


if __name__ == "__main__":
    sys.exit(main())
