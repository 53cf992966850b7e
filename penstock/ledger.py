"""The ledger: one entry for each job that ended, which everything that must happen once per job hangs on.

The script that writes a job's end writes the entry, so that there is neither without the other. An entry has two
parts: what whoever ended the job knows, and what its record says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from penstock.job import State

if TYPE_CHECKING:
    from penstock.frames import End


class Outcome(Struct, frozen=True, array_like=True):
    """What came of a job, as whoever ended it knows; msgpack on the wire."""

    finish_reason: str | None = None
    prompt_tokens: int = 0
    #: Of the prompt, those that the engine had in its prefix cache.
    cached_tokens: int = 0
    #: All that were generated, for a job that failed half-way too.
    completion_tokens: int = 0
    #: The name of the ApiError that its client gets.
    error: str | None = None


class Entry(Struct, frozen=True, kw_only=True):
    """A job's end. Times are Unix milliseconds by Redis' clock; 0 is `never`."""

    #: Of the stream; grows.
    id: str
    job: str
    #: Tells apart the runs of one job, which end once each.
    fence: int
    state: State
    tenant: str
    #: The name of the API key that the job came with; "" where none is needed.
    key: str
    #: The name that the client asked for.
    model: str
    job_class: str
    created_ms: int
    assigned_ms: int
    started_ms: int
    first_token_ms: int
    finished_ms: int
    #: Where its end is told, as its record keeps it (penstock/webhooks/request.py); "" for nowhere.
    webhook: str
    #: As what its client sees the job: RESPONSE, or "" for a job.
    view: str = ""
    #: The batch that it is a line of, "" for none.
    batch: str = ""
    outcome: Outcome

    @classmethod
    def from_stream(cls, entry: bytes, fields: dict[bytes, bytes]) -> Entry:
        """Read an entry. Raises ValueError, KeyError or msgspec.DecodeError for what is none."""
        parts = [text(part) for part in _record.decode(fields[b"r"])]
        fence, state, tenant, key, model, job_class, *times, webhook, view, batch = parts
        created_ms, assigned_ms, started_ms, first_token_ms, finished_ms = (int(time or 0) for time in times)
        return cls(
            id=entry.decode(),
            job=fields[b"j"].decode(),
            fence=int(fence),
            state=State(state),
            tenant=tenant,
            key=key,
            model=model,
            job_class=job_class,
            created_ms=created_ms,
            assigned_ms=assigned_ms,
            started_ms=started_ms,
            first_token_ms=first_token_ms,
            finished_ms=finished_ms,
            webhook=webhook,
            view=view,
            batch=batch,
            outcome=_outcome.decode(fields[b"o"]),
        )


_encoder = msgspec.msgpack.Encoder()
_outcome = msgspec.msgpack.Decoder(Outcome)
_record = msgspec.msgpack.Decoder(list[Any])


def encode_outcome(end: End) -> bytes:
    """An end, as the scripts write it into the ledger."""
    error = end.failure.error if end.failure else None
    return _encoder.encode(
        Outcome(end.finish_reason, end.prompt_tokens, end.cached_tokens, end.completion_tokens, error)
    )


def text(part: bytes | str | bool) -> str:  # noqa: FBT001 - what Lua makes of a field that is not there
    """A field of a record, as cmsgpack packs it; "" where there was none."""
    if isinstance(part, bool):
        return ""
    return part.decode(errors="replace") if isinstance(part, bytes) else part
