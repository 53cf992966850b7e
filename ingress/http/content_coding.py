"""Bodies that come compressed, undone within the limit for bodies, and who takes them so (RFC 9110, 8.4)."""

from __future__ import annotations

import zlib

from penstock.errors import InvalidRequestError, UnsupportedCodingError

#: For the Accept-Encoding of a refusal.
CODINGS = "gzip, deflate"
_IDENTITY = frozenset({"", "identity"})
#: zlib's word for "gzip or zlib, as the first bytes say", and for a stream without a header.
_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS
_GZIP_MAGIC = b"\x1f\x8b"
#: Files that were joined have several; each costs a copy of what follows.
_MAX_MEMBERS = 100
_GZIP_NAMES = frozenset({"gzip", "x-gzip"})
_BARE = -zlib.MAX_WBITS
_WINDOW = {"gzip": _GZIP_OR_ZLIB, "x-gzip": _GZIP_OR_ZLIB, "deflate": _GZIP_OR_ZLIB}


def window_of(coding: str) -> int | None:
    """How to undo what a Content-Encoding says; None if nothing was done. Raises UnsupportedCodingError."""
    name = coding.strip().lower()
    if name in _IDENTITY:
        return None
    if name not in _WINDOW:
        raise UnsupportedCodingError(f"A body may be compressed with {CODINGS.replace(', ', ' or ')}, and only once.")
    return _WINDOW[name]


def undo(coded: bytes, window: int, limit: int) -> bytes | None:
    """The content, or None if it is larger than `limit` bytes. Raises InvalidRequestError."""
    content = bytearray()
    rest, members = coded, 0
    while rest:
        stream = _stream(rest, window)
        try:
            content += stream.decompress(rest, limit + 1 - len(content))
        except zlib.error:
            raise InvalidRequestError("The request body is not what its Content-Encoding says.") from None
        if len(content) > limit:
            return None
        if not stream.eof:
            raise InvalidRequestError("The compressed request body ends too early.")
        # gzip may go on with other members.
        rest = stream.unused_data if rest.startswith(_GZIP_MAGIC) else b""
        members += 1
        if members > _MAX_MEMBERS:
            raise InvalidRequestError(f"A gzip body has at most {_MAX_MEMBERS} members.")
    return bytes(content)


def accepts_gzip(accepted: str) -> bool:
    """Whether whoever sent this Accept-Encoding takes an answer compressed with gzip (RFC 9110, 12.5.3)."""
    for part in accepted.lower().split(","):
        name, _, weight = part.replace(" ", "").partition(";q=")
        if name in _GZIP_NAMES:
            return weight.strip("0.") != "" or not weight
    return False


def _stream(coded: bytes, window: int) -> zlib._Decompress:
    """Some clients leave out the header of `deflate`, and servers put up with it."""
    is_zlib = coded[0] & 0x0F == zlib.DEFLATED and int.from_bytes(coded[:2], "big") % 31 == 0
    is_gzip = coded.startswith(_GZIP_MAGIC)
    return zlib.decompressobj(window if is_zlib or is_gzip else _BARE)
