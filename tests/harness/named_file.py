"""Open files for tests."""

from __future__ import annotations

from io import BytesIO


class NamedFile(BytesIO):
    """Bytes as a file of that name."""

    def __init__(self, name: str, content: bytes) -> None:
        super().__init__(content)
        self.name = name
