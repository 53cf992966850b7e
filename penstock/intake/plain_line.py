"""A batch's line as nearly all are, decoded in one pass with its request; the others take a closer look."""

from __future__ import annotations

import msgspec

from penstock.batches.line import LineHead
from penstock.request import ChatBody, CompletionBody, is_small


class _KnownChat(ChatBody, kw_only=True, forbid_unknown_fields=True):
    """A body of known fields."""


class _KnownCompletion(CompletionBody, kw_only=True, forbid_unknown_fields=True):
    """The same of a completion."""

    #: Of a list, any value may be in it.
    prompt: str


class _ChatLine(LineHead, kw_only=True, forbid_unknown_fields=True):
    body: _KnownChat


class _CompletionLine(LineHead, kw_only=True, forbid_unknown_fields=True):
    body: _KnownCompletion


#: A response is translated first.
_DECODERS: dict[str, msgspec.json.Decoder[_ChatLine] | msgspec.json.Decoder[_CompletionLine]] = {
    "/v1/chat/completions": msgspec.json.Decoder(_ChatLine),
    "/v1/completions": msgspec.json.Decoder(_CompletionLine),
}
PlainLine = _ChatLine | _CompletionLine


def plain_line(endpoint: str, text: bytes) -> PlainLine | None:
    """A line of this endpoint in valid UTF-8, its body decoded and not checked; None for one that is odd in any way.

    It is the line that `parse_line` and `parse` would read.
    """
    decoder = _DECODERS.get(endpoint)
    if decoder is None or not is_small(text):
        return None
    try:
        return decoder.decode(text)
    except (msgspec.MsgspecError, RecursionError):
        return None
