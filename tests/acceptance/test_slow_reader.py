"""A client that asks for much and reads nothing."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import httpx

from tests.acceptance.insight import insight
from tests.harness.up import Up
from tests.waiting import eventually

READERS = 4
#: As events, several times what sockets and the ingress may hold for one reader.
TOKENS = 60_000
MEGABYTE = 1 << 20


@contextmanager
def reads_nothing(port: int, name: str) -> Iterator[socket.socket]:
    body = {
        "model": "fast",
        "stream": True,
        "messages": [{"role": "user", "content": name}],
        "max_tokens": TOKENS,
        "min_tokens": TOKENS,
    }
    content = json.dumps(body).encode()
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(("127.0.0.1", port))
        fields = f"host: localhost\r\ncontent-type: application/json\r\ncontent-length: {len(content)}\r\n\r\n"
        head = f"POST /v1/chat/completions HTTP/1.1\r\n{fields}"
        client.sendall(head.encode() + content)
        yield client


def test_a_slow_reader_is_disconnected_before_it_fills_the_memory_and_its_job_is_intact(sim: Up) -> None:
    (ingress,) = sim.by_role()["ingress"]
    before_bytes, cut_before = ingress.memory_info().rss, readers_cut(sim)
    most_bytes = before_bytes

    def all_cut() -> bool:
        nonlocal most_bytes
        most_bytes = max(most_bytes, ingress.memory_info().rss)
        return readers_cut(sim) - cut_before == READERS

    with ExitStack() as stack, insight(sim.redis_url) as redis:
        for number in range(READERS):
            stack.enter_context(reads_nothing(sim.port, f"slow {number}"))
        assert eventually(lambda: len(redis.live("fast")) == READERS)
        jobs = redis.live("fast")
        assert eventually(all_cut, within_s=30)
        assert eventually(lambda: not redis.live("fast"), within_s=60)

    assert most_bytes - before_bytes < 60 * MEGABYTE
    for job_id in jobs:
        job = httpx.get(f"{sim.url}/v1/jobs/{job_id}", timeout=30).json()
        assert (job["state"], job["usage"]["completion_tokens"]) == ("completed", TOKENS)


def readers_cut(sim: Up) -> int:
    figures = httpx.get(f"{sim.url}/metrics").text
    found = re.search(r'^penstock_slow_readers_total\{model="fast"\} (\S+)', figures, re.MULTILINE)
    return round(float(found[1])) if found else 0
