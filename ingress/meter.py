"""How many bytes of one request are not its content: its head, chunk sizes and extensions, and trailers."""

from __future__ import annotations

#: A request line without its target, and the empty line: "POST", two spaces, "HTTP/1.1", two line ends.
_REQUEST_LINE_BYTES = 18
#: What a field has besides its name and value.
_FIELD_BYTES = len(": \r\n")
#: What a chunk has besides its content and extensions: a size, and two line ends.
_CHUNK_BYTES = 20


class Meter:
    """Counts one message; the parser shows a field only once it is complete, so that whole reads count too.

    ```
    POST /v1/… HTTP/1.1 ␍␊ host: … ␍␊ ␍␊   5;extension ␍␊ hello ␍␊   0 ␍␊ trailer: … ␍␊ ␍␊
    └──────────── head ────────────────┘                └ body ┘          └─ trailers ─┘
    └──────────────────────────────────── raw, if it came in reads of its own ────────────┘
    ```
    """

    __slots__ = ("_limit", "body", "chunks", "head", "is_in_head", "raw", "trailers")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.is_in_head = True
        #: Bytes of the reads that brought nothing but this message, and did not end it.
        self.raw = 0
        self.head = _REQUEST_LINE_BYTES
        self.body = 0
        self.chunks = 0
        self.trailers = 0

    def field(self, name: bytes, value: bytes) -> bool:
        """A field of the head or of the trailers is complete; returns whether there is room for it."""
        size = len(name) + len(value) + _FIELD_BYTES
        if self.is_in_head:
            self.head += size
            return self.head <= self._limit
        self.trailers += size
        return self.trailers <= self._limit

    @property
    def is_over(self) -> bool:
        """Whether what was read is too large, besides content and complete fields."""
        known = 0 if self.is_in_head else self.head + self.body + self.chunks * _CHUNK_BYTES
        return self.raw - known > self._limit
