"""What is wrong with a field, as an error."""

from __future__ import annotations

from penstock.errors import InvalidRequestError


def wrong(field: str, what: str) -> InvalidRequestError:
    """The error of a field; `what` continues the sentence after its name."""
    return InvalidRequestError(f"{field} {what}.", param=field)
