"""One client with one order: how it asks, and how it goes on when the answer breaks off."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from random import Random
from typing import Any

from tests.chaos.ledger import Entry
from tests.chaos.wire import Answer, LostError, RefusedError, Wire, text_of

#: Errors that end a job for good although nobody asked for its end.
_FATAL = frozenset({"worker_lost", "engine_error", "run_timeout"})
_CANCELLED = "job_cancelled"
#: Of all events, how many a reader stops at to go on elsewhere.
_WHIMS = 0.01


@dataclass
class ClientCall:
    """What a client has in hand."""

    entry: Entry
    random: Random
    wire: Wire
    urls: list[str]
    #: Sent again with every attempt, so that all are one job; "" for a client that tries only once.
    key: str = ""

    @asynccontextmanager
    async def submit(self, *, is_streamed: bool = True) -> AsyncIterator[Answer]:
        """Send the order to any ingress. Raises LostError, RefusedError."""
        entry, url = self.entry, self._url
        headers = {"idempotency-key": self.key} if self.key else {}
        body = {**entry.order.body, "stream": is_streamed}
        entry.submit(url)
        entry.unanswered += 1
        try:
            async with self.wire.ask("POST", url + entry.order.path, json=body, headers=headers) as answer:
                entry.unanswered -= 1
                entry.acknowledge(answer.job)
                yield answer
        except LostError as error:
            entry.note(f"lost: {error}")
            raise
        except RefusedError as error:
            # One with a job id says that the job may exist.
            entry.unanswered -= error.job is None
            self._consider(error)
            raise

    async def collect(self, answer: Answer, *, most_chunks: int | None = None) -> bool:
        """Read the answer's stream; returns whether it was all. Raises LostError."""
        text, count = "", 0
        is_whole = False
        try:
            async for event in answer.events():
                if event.chunk is None:
                    is_whole = True
                    break
                text += self._text(event.chunk)
                count += 1
                if count == most_chunks:
                    break
        finally:
            self.entry.read("stream", text, is_whole=is_whole)
        return is_whole

    async def follow(self) -> None:
        """Read the job's events to the end, going on at any ingress wherever they break off.

        Raises RefusedError where there is no such job.
        """
        text, after = "", ""
        while True:
            url = f"{self._url}/v1/jobs/{self.entry.job}/events"
            try:
                async with self.wire.ask("GET", url, params={"after": after} if after else {}) as answer:
                    async for event in answer.events():
                        if event.chunk is None:
                            self.entry.read("events", text, is_whole=True)
                            return
                        self._check_order(after, event.id)
                        text += self._text(event.chunk)
                        after = event.id
                        if self.random.random() < _WHIMS:
                            break
            except LostError as error:
                self.entry.note(f"events after {after} lost: {error}")
            except RefusedError as error:
                self._consider_job(error)
            await self.pause()

    async def poll(self) -> dict[str, Any]:
        """Ask for the job until it has ended; returns it. Raises RefusedError where there is no such job."""
        while True:
            job = await self.ask_once("GET")
            if job is not None and self.entry.polled(job):
                return job
            await self.pause()

    async def cancel(self) -> None:
        """Ask for the job's end until somebody has heard it."""
        while (job := await self.ask_once("DELETE")) is None:
            await self.pause()
        self.entry.polled(job)

    async def ask_once(self, method: str) -> dict[str, Any] | None:
        """The job as an ingress sees it, or None if it did not say. Raises RefusedError where there is no such job."""
        try:
            async with self.wire.ask(method, f"{self._url}/v1/jobs/{self.entry.job}") as answer:
                return await answer.json()
        except LostError as error:
            self.entry.note(f"{method} lost: {error}")
        except RefusedError as error:
            self._consider_job(error)
        return None

    async def pause(self) -> None:
        """Before the next attempt."""
        await asyncio.sleep(self.random.uniform(0.1, 0.6))

    @property
    def _url(self) -> str:
        return self.random.choice(self.urls)

    def _check_order(self, before: str, id_: str) -> None:
        if before and _position(id_) <= _position(before):
            self.entry.complain(f"event {id_} came after event {before}")

    def _text(self, chunk: dict[str, Any]) -> str:
        """Raises LostError for an error in the stream, for that is its end."""
        if "error" not in chunk:
            return text_of(chunk)
        self._complain(chunk["error"])
        raise LostError(f"error event: {chunk['error']}")

    def _consider(self, error: RefusedError) -> None:
        self.entry.note(f"refused: {error}")
        if error.status == 404:
            self.entry.disown(str(error))
        if error.status == 500:
            self.entry.complain(f"failed: {error}")
        self._complain(error.error)

    def _consider_job(self, error: RefusedError) -> None:
        """Whoever is told that there is no such job does not ask for it again."""
        self._consider(error)
        if error.status == 404:
            raise error

    def _complain(self, error: dict[str, Any]) -> None:
        code = error.get("code")
        if code in _FATAL or (code == _CANCELLED and not self.entry.may_be_cancelled):
            self.entry.complain(f"failed: {error}")


def _position(id_: str) -> tuple[int, ...]:
    """Of an event within its run."""
    return tuple(int(part) for part in id_.rpartition("-")[2].split("."))
