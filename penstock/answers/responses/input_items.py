"""The items of a request to `/v1/responses`, as a list that is read page by page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import Struct

from penstock.errors import InvalidRequestError
from penstock.request.responses import kind_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from penstock.request.responses import ResponsesBody

#: Items of a page.
DEFAULT_LIMIT = 20
MAX_LIMIT = 100
#: How ids of items begin.
_ID_PREFIXES = {"message": "msg", "reasoning": "rs", "function_call": "fc", "function_call_output": "fco"}

Item = dict[str, Any]


class Page(Struct, frozen=True, kw_only=True):
    """Which part of the list is wanted."""

    limit: int
    #: The id of the item behind which it begins.
    after: str | None
    is_newest_first: bool


def input_items(asked: ResponsesBody, job_id: str) -> list[Item]:
    """In the client's order, each with an id."""
    given: Sequence[Item]
    given = [{"role": "user", "content": asked.input}] if isinstance(asked.input, str) else asked.input
    return [_listed(item, job_id, index) for index, item in enumerate(given)]


def page_of(items: Sequence[Item], page: Page) -> dict[str, Any]:
    """The `list` object of a part. Raises InvalidRequestError."""
    ordered = list(reversed(items)) if page.is_newest_first else list(items)
    start = 0
    if page.after is not None:
        ids = [item["id"] for item in ordered]
        if page.after not in ids:
            raise InvalidRequestError(f"after: {page.after[:100]!r} is no item of this response.", param="after")
        start = ids.index(page.after) + 1
    shown = ordered[start : start + page.limit]
    return {
        "object": "list",
        "data": shown,
        "first_id": shown[0]["id"] if shown else None,
        "last_id": shown[-1]["id"] if shown else None,
        "has_more": start + len(shown) < len(ordered),
    }


def _listed(item: Item, job_id: str, index: int) -> Item:
    kind = str(kind_of(item))
    own = f"{_ID_PREFIXES[kind]}_{job_id}_in_{index}"
    listed = {**item, "id": item.get("id") or own, "type": kind, "status": "completed"}
    if kind == "message" and isinstance(item["content"], str):
        listed["content"] = [_part(item["role"], item["content"])]
    return listed


def _part(role: str, text: str) -> dict[str, Any]:
    if role == "assistant":
        return {"type": "output_text", "text": text, "annotations": []}
    return {"type": "input_text", "text": text}
