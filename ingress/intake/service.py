"""What every process with an HTTP side has, the tokenizer service included."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self, cast

from ingress.intake.auth import Caller, caller_of
from ingress.intake.tokenizers import Tokenizers

if TYPE_CHECKING:
    from starlette.requests import HTTPConnection

    from penstock.settings import Settings


@dataclass(frozen=True, kw_only=True)
class Service:
    """Made once per process, at its start; handlers find it in the app's state."""

    settings: Settings
    tokenizers: Tokenizers
    started_s: int = field(default_factory=lambda: int(time.time()))

    @classmethod
    def of(cls, request: HTTPConnection) -> Self:
        """The service of the app that handles a request."""
        return cast("Self", request.app.state.service)

    def caller(self, request: HTTPConnection) -> Caller:
        """Who asks. Raises UnauthorizedError."""
        return caller_of(request.headers.get("authorization"), self.settings.ingress.api_keys)
