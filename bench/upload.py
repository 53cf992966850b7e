"""Validating a batch of 200 MB and 50,000 lines, over a bare loop that decodes its lines.

From the creation of the batch, its file being uploaded before, to the moment at which its lines may run, by Redis'
clock. The memory of those who take the file in must not grow either.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import redis

from bench.harness.batch_client import BatchClient
from bench.harness.batch_lines import write_lines
from bench.harness.headline import Bound, Headline, publish
from bench.harness.memory import Watch
from models.corpus import load
from penstock.batches.batch import Batch, pool_of_batch
from penstock.broker.keys import keys_of
from tests.harness.stack import Stack, running
from tests.waiting import eventually

HEADLINE = Headline("validate_ratio", Bound.AT_MOST, 3)
MEMORY_GROWTH_MB = 50
LINES = 50_000
LINE_BYTES = 4_000
WARM_UP_LINES = 2_000
ROUNDS = 5
LIMIT_S = 120.0


def bodies(count: int) -> Iterator[dict[str, Any]]:
    """Requests about documents: paragraphs of sentences, some with quotation marks."""
    sentences = [question.answer for question in load()]
    chance = random.Random(0)
    for number in range(count):
        paragraphs, size = [f'Document {number}. "Summarise" it:'], 0
        while size < LINE_BYTES:
            paragraphs.append(chance.choice(sentences))
            size += len(paragraphs[-1]) + 3
        text = "\n".join(paragraphs)[: LINE_BYTES - 150]
        yield {"model": "sim", "messages": [{"role": "user", "content": text}], "max_tokens": 64}


def decoded_s(path: Path) -> float:
    """How long a bare loop takes."""
    begun_s = time.perf_counter()
    with path.open("rb") as file:
        for line in file:
            msgspec.json.decode(line)
    return time.perf_counter() - begun_s


def validated_s(client: BatchClient, records: redis.Redis, file_id: str) -> float:
    """How long a batch of this file is validated; it is ended then. Raises TimeoutError, RuntimeError."""
    batch_id = client.create(file_id).id
    if not eventually(lambda: _record(records, batch_id).status != "validating", LIMIT_S):
        raise TimeoutError(f"{batch_id} is not validated after {LIMIT_S:.0f} s")
    record = _record(records, batch_id)
    if not record.in_progress_ms:
        raise RuntimeError(f"{batch_id} is {record.status}: {record.errors}")
    client.cancel(batch_id)
    client.ended(batch_id, LIMIT_S)
    return (record.in_progress_ms - record.created_ms) / 1000


def _record(records: redis.Redis, batch_id: str) -> Batch:
    found: dict[bytes, bytes] = records.hgetall(keys_of(pool_of_batch(batch_id) or "").batch(batch_id))  # type: ignore[assignment]
    return Batch.from_record(batch_id, found)


def measure(stack: Stack, folder: Path) -> dict[str, Any]:
    """A small file first; then the large one, and in turn its validation and the loop."""
    client, records, watch = BatchClient(stack.urls[0]), redis.Redis.from_url(stack.redis.url), Watch()
    small, large = folder / "small.jsonl", folder / "large.jsonl"
    write_lines(small, bodies(WARM_UP_LINES))
    write_lines(large, bodies(LINES))
    with watch.looking():
        validated_s(client, records, client.upload(small))
        watch.warmed_up()
        begun_s = time.perf_counter()
        file_id = client.upload(large)
        uploaded_s = time.perf_counter() - begun_s
        pairs = [(validated_s(client, records, file_id), decoded_s(large)) for _ in range(ROUNDS)]
    size = large.stat().st_size
    return {
        "validate_ratio": round(median(ours / bare for ours, bare in pairs), 2),
        "validate_ratios": [round(ours / bare, 2) for ours, bare in pairs],
        "memory_growth_mb": max(watch.growth_mb.values()),
        "validated_s": [round(ours, 3) for ours, _ in pairs],
        "bare_s": [round(bare, 3) for _, bare in pairs],
        "upload_s": round(uploaded_s, 2),
        "upload_mb_s": round(size / uploaded_s / 1e6),
        "bytes": size,
        "lines": LINES,
        "growth_mb": watch.growth_mb,
        "before_mb": watch.before_mb,
    }


def main() -> int:
    """Returns 1 where it takes too long or memory has grown."""
    with (
        TemporaryDirectory(prefix="penstock-", ignore_cleanup_errors=True) as name,
        running(Path(name), backgrounds=1, telemetry={"log_level": "warning"}) as stack,
    ):
        figures = measure(stack, Path(name))
    growth = figures["memory_growth_mb"]
    flaws = [f"memory has grown by {growth} MiB, at most {MEMORY_GROWTH_MB} are fine"]
    return publish(__file__, HEADLINE, figures, flaws if growth > MEMORY_GROWTH_MB else [])


if __name__ == "__main__":
    sys.exit(main())
