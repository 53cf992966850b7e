"""What the address of a job's stream is, and how the stream ends."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from penstock.job import State


class StreamUrl(Struct, kw_only=True):
    """An address that a web page reads one job's stream at, without an API key."""

    object: Literal["stream_url"] = "stream_url"
    job: str
    url: Annotated[
        str, Meta(description="A path with its token; prefix it with the address at which pages reach the ingress.")
    ]
    expires_at: Annotated[int, Meta(ge=0, description="Unix seconds; a stream that is open by then continues.")]
    can_cancel: Annotated[bool, Meta(description="Whether it also lets its bearer end the job.")]


class StreamEnd(Struct, kw_only=True):
    """The data of a stream's last event."""

    state: State


class JobState(Struct, kw_only=True):
    """A job, as the holder of a stream token sees it."""

    id: str
    object: Literal["job"] = "job"
    state: State
