"""One service's document, made when somebody first asks for it and kept from then on."""

from __future__ import annotations

from functools import cached_property
from threading import Lock
from typing import TYPE_CHECKING

from ingress.openapi.facts import About, Facts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.routing import BaseRoute

    from penstock.settings import Settings

INGRESS = About("Penstock", "OpenAI's API on your own GPUs; every request is a durable job that survives any process.")
TOKENIZER = About("Penstock's tokenizer service", "Text and conversations to tokens, and back.")


class Description:
    """What a service with these routes and settings says of itself."""

    def __init__(self, about: About, settings: Settings, routes: Sequence[BaseRoute]) -> None:
        self._about = about
        self._settings = settings
        self._routes = routes
        self._making = Lock()

    def read(self) -> bytes:
        """The document as JSON; the first call takes some hundredths of a second, from whichever thread."""
        with self._making:
            return self._encoded

    @cached_property
    def _encoded(self) -> bytes:
        # Nobody may ever ask.
        from importlib.metadata import version

        from ingress.openapi.document import encoded

        facts = Facts(
            about=self._about,
            version=version("penstock"),
            needs_key=bool(self._settings.ingress.api_keys),
            model=next(iter(self._settings.models)),
        )
        return encoded(self._routes, facts)
