"""Files and batches by OpenAI's own client, which is what most will come with."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
from openai import OpenAI
from openai.types import Batch

from penstock.batches.batch import BatchStatus
from penstock.lines import LineSplitter

#: A Redis that is away for some seconds is survived.
_RETRIES = 20
_LONGEST_LINE_BYTES = 1 << 20
_LOOK_EVERY_S = 0.05


class BatchClient:
    """A client without a key; every method raises openai.OpenAIError."""

    def __init__(self, url: str) -> None:
        self._api = OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=_RETRIES)

    def upload(self, path: Path) -> str:
        """Upload an input, streamed; returns its file's id."""
        with path.open("rb") as file:
            return self._api.files.create(file=file, purpose="batch").id

    def create(self, file_id: str) -> Batch:
        """Have a file of chat completions run."""
        return self._api.batches.create(input_file_id=file_id, endpoint="/v1/chat/completions", completion_window="24h")

    def look(self, batch_id: str) -> Batch:
        """A batch as it stands."""
        return self._api.batches.retrieve(batch_id)

    def cancel(self, batch_id: str) -> None:
        """Have a batch ended early."""
        self._api.batches.cancel(batch_id)

    def ended(self, batch_id: str, within_s: float) -> Batch:
        """A batch after its end. Raises TimeoutError where that does not come in time."""
        until_s = time.monotonic() + within_s
        while not has_ended(batch := self.look(batch_id)):
            if time.monotonic() > until_s:
                raise TimeoutError(f"{batch_id} is {batch.status} after {within_s:.0f} s: {batch.request_counts}")
            time.sleep(_LOOK_EVERY_S)
        return batch

    def lines(self, file_id: str) -> Iterator[dict[str, Any]]:
        """A file's lines, decoded as they come."""
        splitter = LineSplitter(_LONGEST_LINE_BYTES)
        with self._api.files.with_streaming_response.content(file_id) as response:
            for part in response.iter_bytes():
                yield from (_decoded(line.text) for line in splitter.feed(part))
        yield from (_decoded(line.text) for line in splitter.end())


def has_ended(batch: Batch) -> bool:
    """Whether nothing more comes of it."""
    return BatchStatus(batch.status).terminal


def completed(batch: Batch) -> str:
    """The id of the file with all answers. Raises RuntimeError where a batch ended otherwise, or a line has failed."""
    if BatchStatus(batch.status) is not BatchStatus.COMPLETED or batch.error_file_id or not batch.output_file_id:
        raise RuntimeError(f"the batch is {batch.status}, {batch.request_counts}: {batch.errors}")
    return batch.output_file_id


def _decoded(text: bytes | None) -> Any:
    if text is None:
        raise ValueError(f"a line is longer than {_LONGEST_LINE_BYTES} bytes")
    return msgspec.json.decode(text)
