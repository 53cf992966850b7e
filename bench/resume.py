"""How soon a page that lost its stream has its next token, over the time between two tokens.

500 readers as browsers are, each by an address of its own, drop their streams at random places and go on at the other
of two ingresses. None may lose, repeat or change a token. Argument: a seed.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import random
import re
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

import uvloop

from bench.harness.headline import Bound, Headline, publish
from bench.harness.http_client import HttpClient
from tests.acceptance.simulation import expected
from tests.harness.stack import Stack, running

HEADLINE = Headline("next_token_ratio", Bound.AT_MOST, 3)
CLIENTS = 500
TOKENS = 200
ITL_MS = 100
#: How often each drops its stream.
DROPS = 4
#: They come one after the other, as pages do.
APART_S = 0.01
_END = b"event: end"
_EVENT = re.compile(rb"id: (\S+)\ndata: (.*)\n\n")

POOL: dict[str, Any] = {
    "engine": "simulated",
    "slots": CLIENTS,
    "lane_max_jobs": CLIENTS,
    # All of them have room at once: none waits for another's end.
    "options": {
        "itl_ms": ITL_MS,
        "prefill_ms_base": 0,
        "prefill_us_per_token": 0,
        "full_batch_slowdown": 1.0,
        "kv_blocks": 1 << 16,
    },
}


class Page(asyncio.Protocol):
    """One connection, as an EventSource makes it; parsed only after it is over, so that measuring costs little."""

    def __init__(self, url: str, last_id: str, most: int | None) -> None:
        resuming = f"last-event-id: {last_id}\r\n" if last_id else ""
        self._request = f"GET {url} HTTP/1.1\r\nhost: localhost\r\n{resuming}\r\n".encode()
        self._left = most
        self._raw: list[bytes] = []
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        #: When events came, one for each read that held any.
        self.arrivals: list[float] = []

    @property
    def events(self) -> list[tuple[bytes, bytes]]:
        """Id and data of each that came whole; none is ever in two chunks of the response."""
        return _EVENT.findall(b"".join(self._raw))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._raw.append(data)
        found = data.count(b"\ndata: ")
        if found:
            self.arrivals.append(time.perf_counter())
        if self._left is not None:
            self._left -= found
        if (self._left is not None and self._left <= 0) or _END in data:
            # Dropped without a word.
            self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        self.over.set_result(None)


@dataclass
class Reader:
    """One page's reader: what it has read, and how long it waited."""

    question: str
    events: list[tuple[bytes, bytes]] = field(default_factory=list)
    #: From asking to the first event, of each time it came back.
    next_token_ms: list[float] = field(default_factory=list)
    #: Between two reads of one connection.
    gaps_ms: list[float] = field(default_factory=list)

    @property
    def is_wrong(self) -> bool:
        """Whether it has another answer than the job, or any event twice."""
        ids = [event_id for event_id, _ in self.events]
        chunks = [json.loads(data) for _, data in self.events if data.startswith(b"{")]
        text = "".join(choice["delta"].get("content") or "" for chunk in chunks for choice in chunk["choices"])
        return text != expected(self.question, max_tokens=TOKENS, min_tokens=TOKENS) or len(set(ids)) != len(ids)

    async def live(self, ports: Sequence[int], chance: random.Random) -> None:
        """From the job's beginning to its end, at one ingress after the other."""
        url = await self._submit(HttpClient(ports[0]))
        places = sorted(chance.sample(range(1, TOKENS * 3 // 4), DROPS))
        parts = [after - before for before, after in itertools.pairwise([0, *places])]
        for port, part in zip(itertools.cycle(ports), (*parts, None), strict=False):
            await self._read(port, url, part)

    async def _submit(self, api: HttpClient) -> str:
        body = {"model": "sim", "messages": [{"role": "user", "content": self.question}]}
        limits = {"max_tokens": TOKENS, "min_tokens": TOKENS}
        job = {"endpoint": "/v1/chat/completions", "class": "interactive", "body": {**body, **limits}}
        job_id = json.loads((await api.ask("POST", "/v1/jobs", job)).body)["id"]
        url = json.loads((await api.ask("POST", f"/v1/jobs/{job_id}/stream-url", {})).body)["url"]
        api.close()
        return str(url)

    async def _read(self, port: int, url: str, most: int | None) -> None:
        """Read on at one ingress: so many events, or to the end."""
        asked_s = time.perf_counter()
        last_id = self.events[-1][0] if self.events else b""
        _, page = await asyncio.get_running_loop().create_connection(
            lambda: Page(url, last_id.decode(), most), "127.0.0.1", port
        )
        await page.over
        self.events += page.events
        self.gaps_ms += [(after - before) * 1000 for before, after in itertools.pairwise(page.arrivals)]
        # A token without a text, such as a part of a character, is no event: then the wait is for a later one.
        if last_id and page.events and _token(page.events[0][0]) == _token(last_id) + 1:
            self.next_token_ms.append((page.arrivals[0] - asked_s) * 1000)


def _token(event_id: bytes) -> int:
    return int(event_id.partition(b".")[0])


async def measure(stack: Stack, seed: int) -> dict[str, object]:
    """All readers together."""
    chance = random.Random(seed)
    readers = [Reader(f"Question {number}?") for number in range(CLIENTS)]

    async def begin(number: int, reader: Reader, own: random.Random) -> None:
        await asyncio.sleep(number * APART_S)
        ports = stack.ports if number % 2 else stack.ports[::-1]
        await reader.live(ports, own)

    await asyncio.gather(*(begin(at, one, random.Random(chance.random())) for at, one in enumerate(readers)))
    itl_ms = statistics.median(gap for reader in readers for gap in reader.gaps_ms)
    waits_ms = [wait for reader in readers for wait in reader.next_token_ms]
    cuts = statistics.quantiles(waits_ms, n=100, method="inclusive")
    return {
        "next_token_ratio": round(cuts[98] / itl_ms, 2),
        "next_token_p50_ms": round(cuts[49], 1),
        "next_token_p99_ms": round(cuts[98], 1),
        "itl_ms": round(itl_ms, 1),
        "wrong": sum(reader.is_wrong for reader in readers),
        "clients": CLIENTS,
        "resumed": len(waits_ms),
        "seed": seed,
    }


def main() -> int:
    """Returns 1 where it took too long or an answer was not whole."""
    seed = int(sys.argv[1]) if len(sys.argv) > 1 else random.SystemRandom().randrange(1 << 30)
    with (
        TemporaryDirectory(prefix="penstock-", ignore_cleanup_errors=True) as folder,
        running(Path(folder), POOL, ingresses=2, telemetry={"log_level": "warning"}) as stack,
    ):
        figures = uvloop.run(measure(stack, seed))
    flaws = [f"{figures['wrong']} answers were not whole"] if figures["wrong"] else []
    return publish(__file__, HEADLINE, figures, flaws)


if __name__ == "__main__":
    sys.exit(main())
