"""One client with one order: how it asks, and how it goes on when the answer breaks off."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from random import Random
from typing import Any

from tests.chaos.ledger import Entry
from tests.chaos.wire import Answer, LostError, RefusedError, Wire, text_of

#: Errors that end a job for good although nobody asked for its end.
_FATAL = frozenset({"worker_lost", "engine_error", "run_timeout"})
_CANCELLED = "job_cancelled"


@dataclass
class Errand:
    """What a client has in hand; it goes on until it is through or the run ends it."""

    entry: Entry
    random: Random
    wire: Wire
    urls: list[str]
    #: Sent again with every attempt, so that all are one job; "" for a client that tries only once.
    key: str = ""

    @property
    def url(self) -> str:
        """Any ingress."""
        return self.random.choice(self.urls)

    async def pause(self) -> None:
        """Before the next attempt."""
        await asyncio.sleep(self.random.uniform(0.1, 0.6))

    @asynccontextmanager
    async def submit(self, *, is_streamed: bool = True) -> AsyncIterator[Answer]:
        """Send the order. Raises LostError, RefusedError."""
        entry, url = self.entry, self.url
        headers = {"idempotency-key": self.key, "x-penstock-keep": "true"} if self.key else {}
        body = {**entry.order.body, "stream": is_streamed}
        entry.note(f"submits to {url}")
        is_answered = False
        try:
            async with self.wire.ask("POST", url + entry.order.path, json=body, headers=headers) as answer:
                is_answered = True
                self._acknowledge(answer.job)
                yield answer
        except LostError as error:
            entry.unanswered += not is_answered
            entry.note(f"lost: {error}")
            raise
        except RefusedError as error:
            entry.unanswered += error.job is not None
            entry.note(f"refused: {error}")
            self._judge(error.error)
            raise

    async def collect(self, answer: Answer, source: str, *, most_chunks: int | None = None) -> bool:
        """Read a stream; keeps what came and returns whether it was all. Raises LostError."""
        text, is_whole, count = "", False, 0
        try:
            async for chunk in answer.chunks():
                if chunk is None:
                    is_whole = True
                    break
                text += self._text(chunk)
                count += 1
                if most_chunks is not None and count > most_chunks:
                    break
        finally:
            self.entry.read(source, text, is_whole=is_whole)
        return is_whole

    async def follow(self) -> None:
        """Read the job's events to the end, resuming at any ingress as often as it takes, or takes to be fun."""
        text, after = "", ""
        while True:
            parameters = {"after": after} if after else {}
            url = f"{self.url}/v1/jobs/{self.entry.job}/events"
            try:
                async with self.wire.ask("GET", url, params=parameters) as answer:
                    try:
                        text += await self._follow_on(answer, after)
                        break
                    except LostError as error:
                        text += error.args[1] if len(error.args) > 1 else ""
                        self.entry.note(f"events broke off after {answer.last_id or after}: {error.args[0]}")
                    after = answer.last_id or after
            except LostError as error:
                self.entry.note(f"no events: {error}")
            except RefusedError as error:
                self.note_refusal(error)
            await self.pause()
        self.entry.read("events", text, is_whole=True)

    async def poll(self) -> dict[str, Any]:
        """Ask for the job until it has ended; returns it."""
        while True:
            with suppress(LostError, RefusedError):
                async with self.wire.ask("GET", f"{self.url}/v1/jobs/{self.entry.job}") as answer:
                    job = await answer.json()
                    if self.entry.polled(job):
                        return job
            await self.pause()

    def note_refusal(self, error: RefusedError) -> None:
        """A job that was acknowledged must be found."""
        self.entry.note(f"refused: {error}")
        if error.status == 404:
            self.entry.complaints.append(f"acknowledged, and yet {error}")
        self._judge(error.error)

    def _acknowledge(self, job: str) -> None:
        if self.entry.job not in (None, job):
            self.entry.complaints.append(f"two jobs for one order: {self.entry.job} and {job}")
        self.entry.job = job
        self.entry.note(f"acknowledged as {job}")

    def _text(self, chunk: dict[str, Any]) -> str:
        """Raises LostError for an error in the stream, for that is its end."""
        if "error" not in chunk:
            return text_of(chunk)
        self._judge(chunk["error"])
        raise LostError(f"error event: {chunk['error']}")

    def _judge(self, error: dict[str, Any]) -> None:
        code = error.get("code")
        if code in _FATAL or (code == _CANCELLED and not self.entry.may_be_cancelled):
            self.entry.complaints.append(f"failed: {error}")
