"""What can go wrong between a command and a server, as sentences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from penstock.errors import PenstockError, SettingsError


class ServerError(PenstockError):
    """A request that was not answered as it was meant to be."""

    #: Whether the same request may succeed a moment later.
    may_pass = False
    #: Seconds after which the server wants to be asked again.
    retry_after_s: float | None = None


class ServerAwayError(ServerError):
    """Nobody answers at the address."""

    may_pass = True


class ConnectionLostError(ServerError):
    """The connection broke, or fell silent, before the answer was whole."""

    may_pass = True


class ForeignAnswerError(ServerError):
    """What answers is no ingress of Penstock."""


class RefusedError(ServerError):
    """The server's own error."""

    def __init__(
        self, message: str, *, status: int = 0, may_pass: bool = False, retry_after_s: float | None = None
    ) -> None:
        super().__init__(message)
        #: Of HTTP; 0 where the error came otherwise.
        self.status = status
        self.may_pass = may_pass
        self.retry_after_s = retry_after_s


class WrongRequestError(RefusedError, SettingsError):
    """The server's own error about what was asked: to ask again will not help."""


_WRONG = frozenset({400, 413, 415})
_UNAUTHORIZED = 401


def refusal(status: int, headers: Mapping[str, str], body: Any, *, has_key: bool) -> RefusedError | None:
    """The error that an answer to a request with a key, or without one, is; None where it is none of Penstock's."""
    error = body.get("error") if isinstance(body, dict) else None
    if not isinstance(error, dict) or not isinstance(error.get("message"), str):
        return None
    sentence = error["message"]
    if status == _UNAUTHORIZED:
        sentence = "The server does not know this API key" if has_key else "The server asks for an API key"
        sentence += ": set PENSTOCK_API_KEY to one of its ingress.api_keys."
    retry_after_s = _seconds(headers.get("retry-after"))
    may_pass = headers.get("x-should-retry") == "true"
    if may_pass and retry_after_s is not None:
        sentence = f"{sentence} Try again in {retry_after_s:g} s."
    kind = WrongRequestError if status in _WRONG else RefusedError
    return kind(sentence, status=status, may_pass=may_pass, retry_after_s=retry_after_s)


def _seconds(text: str | None) -> float | None:
    return float(text) if text and text.isdecimal() else None
