"""What the operations of `/v1/responses` have in common, and the first of them."""

from __future__ import annotations

from ingress.openapi import response_examples as examples
from ingress.openapi.errors import QUEUE
from ingress.openapi.event_stream import typed_stream
from ingress.openapi.generation import ERRORS, LINKS
from ingress.openapi.headers import IGNORED, JOB_ID, NO_STORE, UNBUFFERED
from ingress.openapi.operation import Body, Component, Example, Media, Operation, Parameter, Reply, Tag, Where
from ingress.openapi.parameters import CLASS, CLIENT_REQUEST_ID, DEADLINE, IDEMPOTENCY_KEY, KEEP, TRACEPARENT
from penstock.answers.responses.event_objects import EVENTS
from penstock.answers.responses.events import MAX_EVENTS
from penstock.answers.responses.input_items import DEFAULT_LIMIT, MAX_LIMIT
from penstock.answers.responses.objects import ResponseObject
from penstock.errors import ApiError, NotFoundError, PreviousResponseNotFoundError

_ABOUT = """\
A response is a job: `resp_` and the job's id. Without `stream` and `background` the answer is the response when it has
ended. With `stream` it is its events; what fails before the first token is a plain error. With `background` it is the
response as it waits, or its events from the beginning, which can be read on by `starting_after`.

`previous_response_id` goes on from a stored response. Errors name fields as they were sent here."""

RESPONSE_ID = Parameter(
    name="response_id", where=Where.PATH, description="The response's id.", example=examples.RESPONSE_ID
)
STARTING_AFTER = Parameter(
    name="starting_after",
    where=Where.QUERY,
    description="With `stream`: the number of the last event that was read.",
    schema={"type": "integer", "minimum": 0, "maximum": MAX_EVENTS},
)
STREAMED = Parameter(
    name="stream",
    where=Where.QUERY,
    description="Whether to answer with its events, of one that runs as they come.",
    schema={"enum": ["true", "false", "1", "0"]},
)
LIMIT = Parameter(
    name="limit",
    where=Where.QUERY,
    description=f"Items of a page at most; {DEFAULT_LIMIT} without it.",
    schema={"type": "integer", "minimum": 1, "maximum": MAX_LIMIT},
)
AFTER_ITEM = Parameter(name="after", where=Where.QUERY, description="The `last_id` of the page before.")
ORDER = Parameter(
    name="order",
    where=Where.QUERY,
    description="The last item first, as without it, or the first.",
    schema={"enum": ["asc", "desc"]},
)
_NO_EFFECT = "OpenAI's clients have it; no effect here."
INCLUDE = Parameter(
    name="include[]",
    where=Where.QUERY,
    description=_NO_EFFECT,
    schema={"type": "array", "items": {"type": "string"}},
)
INCLUDE_OBFUSCATION = Parameter(
    name="include_obfuscation", where=Where.QUERY, description=_NO_EFFECT, schema={"enum": ["true", "false"]}
)

#: Of what is asked of one that was made before.
OF_A_RESPONSE: tuple[type[ApiError], ...] = (NotFoundError, *QUEUE)
RESPONSE = Media(schema=ResponseObject, examples={"response": Example("A response", examples.RESPONSE)})
STREAM = typed_stream(*EVENTS, examples={"stream": Example("Its events", examples.STREAM)})

CREATE = Operation(
    id="createResponse",
    tag=Tag.RESPONSES,
    summary="Make a response",
    description=_ABOUT,
    parameters=(IDEMPOTENCY_KEY, KEEP, CLASS, DEADLINE, CLIENT_REQUEST_ID, TRACEPARENT),
    body=Body(description="What to answer, and how.", schema=Component("ResponsesRequest"), examples=examples.REQUESTS),
    replies=(
        Reply(
            description="The response or, with `stream`, its events.",
            media=(RESPONSE, STREAM),
            headers=(JOB_ID, IGNORED, NO_STORE.optional, UNBUFFERED.optional),
            links=LINKS,
        ),
    ),
    errors=(*ERRORS, PreviousResponseNotFoundError),
)
