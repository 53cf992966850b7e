"""How many bytes of one request are not its content: its head, chunk sizes and extensions, and trailers."""

from __future__ import annotations

#: A request line without its target, and the empty line: "POST", two spaces, "HTTP/1.1", two line ends.
_REQUEST_LINE_BYTES = 18
#: What a field has besides its name and value.
_FIELD_BYTES = len(": \r\n")
#: Around a chunk's size and content.
_LINE_ENDS_BYTES = len("\r\n\r\n")
#: Each takes a few calls, and those of one read from the socket follow each other without a pause: this many take some
#: 50 ms, in which nobody else is served. A body of the largest size may still come in pieces of 256 bytes.
MAX_CHUNKS = 1 << 14
#: A longer body may have more chunks, if they have at least so many bytes on average: as many as the shortest line that
#: orders a job, since a client may send the lines of a bulk one by one.
_LEAST_CHUNK_BYTES = 60


class Meter:
    """Counts the bytes of one message.

    The parser tells a field only when it is complete, so the bytes of whole reads are counted too.

    ```
    POST /v1/… HTTP/1.1 ␍␊ host: … ␍␊ ␍␊   5;extension ␍␊ hello ␍␊   0 ␍␊ trailer: … ␍␊ ␍␊
    └──────────── head ────────────────┘   └──── body, framing ────┘     └─ trailers ─┘
    └──────────────────────────────────── raw, if it came in reads of its own ────────────┘
    ```

    What is in `raw` and nowhere else (extensions, trailers, what is not complete) may be as large as a head.
    """

    __slots__ = ("_chunk", "_limit", "body", "chunks", "framing", "head", "is_in_head", "raw", "trailers")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.is_in_head = True
        #: Bytes of the reads that brought nothing but this message, and did not end it.
        self.raw = 0
        self.head = _REQUEST_LINE_BYTES
        self.body = 0
        #: Bytes of the chunk under way.
        self._chunk = 0
        self.chunks = 0
        #: What complete chunks need besides their content: a size as short as it can be, and line ends.
        self.framing = 0
        self.trailers = 0

    def field(self, name: bytes, value: bytes) -> bool:
        """A field of the head or of the trailers is complete; returns whether there is room for it."""
        size = len(name) + len(value) + _FIELD_BYTES
        if self.is_in_head:
            self.head += size
            return self.head <= self._limit
        self.trailers += size
        return self.trailers <= self._limit

    def content(self, size: int) -> None:
        """Count a part of the body."""
        self.body += size
        self._chunk += size

    def chunk(self) -> bool:
        """A chunk is complete; returns whether there may be more of them."""
        self.framing += len(f"{self._chunk:x}") + _LINE_ENDS_BYTES
        self._chunk = 0
        self.chunks += 1
        return self.chunks <= MAX_CHUNKS or self.body >= self.chunks * _LEAST_CHUNK_BYTES

    @property
    def is_over(self) -> bool:
        """Whether what was read besides content and framing is too large."""
        known = 0 if self.is_in_head else self.head + self.body + self.framing
        return self.raw - known > self._limit
