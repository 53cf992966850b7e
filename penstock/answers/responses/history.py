"""A response that has ended, as the conversation that another goes on from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from penstock.answers.responses.output import Output
from penstock.request.responses import Messages, read_responses

if TYPE_CHECKING:
    from penstock.job import Job


class _Chat(Struct):
    messages: list[dict[str, Any]]


_decoder = msgspec.json.Decoder(_Chat)


def history_of(job: Job) -> list[dict[str, Any]]:
    """The messages of a completed job, its answer among them; its instructions were for itself.

    The job's body has all that went before, so that no chain of responses is ever followed.
    """
    asked, past = read_responses(job.request), _decoder.decode(job.body).messages
    found = Messages(past if asked.instructions is None else past[1:])
    if job.result is not None:
        pieces = job.result.generated.pieces
        output = Output.of(job.id, pieces, is_engine_written=job.is_engine_written)
        output.close("completed")
        found.add_items(output.items, "output")
    return found.messages
