"""What one service's document depends on besides its routes."""

from __future__ import annotations

from msgspec import Struct


class About(Struct, frozen=True):
    """What a service is called, and what it is for, in a sentence."""

    title: str
    summary: str


class Facts(Struct, frozen=True, kw_only=True):
    """What holds where this process runs."""

    about: About
    version: str
    #: Whether callers need an API key.
    needs_key: bool
    #: For examples: the name of a model that is served.
    model: str
