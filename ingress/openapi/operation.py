"""What a route says of itself: declared beside its handler, read when the document is made."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from msgspec import Struct, field

if TYPE_CHECKING:
    from ingress.openapi.headers import Header
    from penstock.errors import ApiError

Schema = Mapping[str, Any]
Handler = TypeVar("Handler", bound=Callable[..., Any])

JSON = "application/json"
EVENT_STREAM = "text/event-stream"
#: OpenAPI 3.2's `itemSchema`, as its authors have it in documents of 3.1.
ITEM_SCHEMA = "x-oai-itemSchema"
#: Stands in an example for the name of a model that is served.
SERVED = "{a model that is served}"


class Tag(enum.StrEnum):
    """What an operation is for: the sections of the page."""

    GENERATION = "Generation"
    RESPONSES = "Responses"
    JOBS = "Jobs"
    FILES = "Files"
    BATCHES = "Batches"
    WEBHOOKS = "Webhooks"
    MODELS = "Models"
    TOKENS = "Tokens"
    SERVICE = "Service"


class Where(enum.StrEnum):
    """The part of a request that a parameter is in."""

    PATH = "path"
    QUERY = "query"
    HEADER = "header"


class Component(Struct, frozen=True):
    """A schema of the document that is made by hand, by its name."""

    name: str


#: A type that msgspec can describe, a component, or a schema as it stands.
Described = Any


class Example(Struct, frozen=True):
    """A value that a client may send, or get."""

    summary: str
    value: Any


class Parameter(Struct, frozen=True, kw_only=True):
    """One value beside the body."""

    name: str
    where: Where
    description: str
    schema: Schema = field(default_factory=lambda: {"type": "string"})
    #: How an object is written, where that is not as OpenAPI would have it unless told.
    style: str | None = None
    #: The page fills it in.
    example: Any = None


class Body(Struct, frozen=True, kw_only=True):
    """What a request carries."""

    description: str
    schema: Described
    kind: str = JSON
    is_required: bool = True
    #: What each line is, where the body is lines.
    items: Schema | None = None
    #: By a short name.
    examples: Mapping[str, Example]


class Media(Struct, frozen=True, kw_only=True):
    """One form of an answer's content."""

    schema: Described
    kind: str = JSON
    #: What each event of a stream is, or each line.
    items: Schema | None = None
    #: Those that `schema` and `items` refer to by name.
    types: tuple[type, ...] = ()
    examples: Mapping[str, Example] = {}


class Link(Struct, frozen=True, kw_only=True):
    """Where an answer leads."""

    operation: str
    description: str
    #: From a parameter of that operation to an expression over this answer.
    parameters: Mapping[str, str]


class Reply(Struct, frozen=True, kw_only=True):
    """An answer that is no error."""

    description: str
    status: int = 200
    media: tuple[Media, ...] = ()
    headers: tuple[Header, ...] = ()
    #: By a short name.
    links: Mapping[str, Link] = {}


class Operation(Struct, frozen=True, kw_only=True):
    """One thing that can be asked for; HEAD and OPTIONS follow from it."""

    #: A name for generated clients.
    id: str
    tag: Tag
    summary: str
    description: str = ""
    parameters: tuple[Parameter, ...] = ()
    body: Body | None = None
    replies: tuple[Reply, ...]
    #: Besides those that any request may get.
    errors: tuple[type[ApiError], ...] = ()
    needs_key: bool = True


_operations: dict[Callable[..., Any], Operation] = {}


def described(operation: Operation) -> Callable[[Handler], Handler]:
    """Declares what a handler does; put it below the decorator that makes the route."""

    def declare(handler: Handler) -> Handler:
        _operations[handler] = operation
        return handler

    return declare


def operation_of(handler: Callable[..., Any]) -> Operation:
    """What was declared. Raises KeyError for a handler that nobody described."""
    if handler not in _operations:
        name = f"{handler.__module__}.{handler.__qualname__}"
        raise KeyError(f"{name} is not described: put @described(Operation(...)) below the decorator of its route.")
    return _operations[handler]
