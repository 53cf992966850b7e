"""Batches without HTTP: input put into storage, a batch recorded, its end awaited, its files read."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from penstock.batches.batch import Batch, batch_id
from penstock.broker import batches, files
from penstock.files.file import File, Part, Purpose, new_file_id, object_name
from penstock.files.reading import read_parts
from penstock.job import new_job_id
from tests.eventual import until

if TYPE_CHECKING:
    from penstock.broker.client import Broker
    from penstock.storage import Storage

TENANT = "acme"
CHAT = "/v1/chat/completions"


def chat_line(custom_id: str, content: str | None = None, model: str = "sim", **body: Any) -> dict[str, Any]:
    """A line that asks for a short answer."""
    messages = [{"role": "user", "content": custom_id if content is None else content}]
    return {
        "custom_id": custom_id,
        "method": "POST",
        "url": CHAT,
        "body": {"model": model, "messages": messages, "max_tokens": 4, **body},
    }


def encoded(lines: Sequence[Mapping[str, Any]]) -> bytes:
    """As a file has them."""
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


@dataclass(frozen=True)
class Batches:
    """The batches of one pool and tenant."""

    broker: Broker
    storage: Storage
    pool: str = "sim"

    async def upload(self, content: bytes, tenant: str = TENANT) -> File:
        """A file with this content."""
        file_id = new_file_id()
        name = object_name(tenant, file_id)
        async with self.storage.write(name) as writer:
            await writer.write(content)
        now_ms = time.time_ns() // 1_000_000
        file = File(
            id=file_id,
            tenant=tenant,
            filename="input.jsonl",
            bytes=len(content),
            lines=content.count(b"\n"),
            purpose=Purpose.BATCH,
            created_ms=now_ms,
            expires_ms=now_ms + 3_600_000,
            parts=[Part(name, len(content))],
        )
        await self.broker.run(files.put(tenant, file))
        return file

    async def create(
        self, file_id: str, *, endpoint: str = CHAT, window_ms: int = 3_600_000, tenant: str = TENANT
    ) -> str:
        """A batch of a file; returns its id."""
        made = batch_id(new_job_id(self.pool))
        fields: dict[str, str | int] = {
            "tenant": tenant,
            "key": "laptop",
            "input_file": file_id,
            "endpoint": endpoint,
            "window": "1h",
            "metadata": json.dumps({"night": secrets.token_hex(2)}),
            "output_ttl_s": 86400,
        }
        reply = await self.broker.run(
            batches.create(self.pool, made, tenant, fields, window_ms=window_ms, keep_ms=86_400_000, most=1000)
        )
        assert reply == "created"
        return made

    async def begin(self, content: bytes, **how: Any) -> str:
        """Both; returns the batch's id."""
        return await self.create((await self.upload(content)).id, **how)

    async def of(self, id_: str) -> Batch:
        """Its record."""
        found = await self.broker.ask(batches.batch(self.pool, id_))
        assert found is not None
        return found

    async def ended(self, id_: str, within_s: float = 60.0) -> Batch:
        """Wait for its end, and all that follows from it."""

        async def is_settled() -> bool:
            return (await self.of(id_)).is_settled

        await until(is_settled, within_s)
        return await self.of(id_)

    async def lines(self, file_id: str) -> list[dict[str, Any]]:
        """What one of its files says."""
        if not file_id:
            return []
        file = await self.broker.ask(files.file(TENANT, file_id))
        assert file is not None
        content = b"".join([chunk async for chunk in read_parts(self.storage, file.parts)])
        assert len(content) == file.bytes
        found = [json.loads(line) for line in content.splitlines()]
        assert len(found) == file.lines
        return found

    async def names(self) -> list[str]:
        """All that is in storage of batches."""
        return sorted([one.name async for one in self.storage.names("batches/")])
