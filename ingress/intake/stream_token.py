"""What lets a page read one job's stream without an API key: signed, bound to the job, good for a while."""

from __future__ import annotations

import hashlib
import hmac
import re
from base64 import urlsafe_b64encode

from msgspec import Struct

#: Key, end in Unix seconds, rights, signature; what is longer is none, and is not worked on.
_FORM = re.compile(r"([a-z0-9]{1,20})\.(\d{1,11})\.(rc?)\.([\w-]{43})", re.ASCII)
#: Says what is signed, so that no other text that the same key signs can be taken for a token.
_PURPOSE = "penstock stream"


class StreamToken(Struct, frozen=True):
    """What a token claims; true only if its signature is."""

    #: The name of the key that it is signed with.
    key: str
    #: Unix seconds at which it ends.
    expires_s: int
    #: Whether it lets its bearer end the job, too.
    can_cancel: bool

    @property
    def _claims(self) -> str:
        return f"{self.key}.{self.expires_s}.{'rc' if self.can_cancel else 'r'}"

    def signed(self, job_id: str, secret: bytes) -> str:
        """The token for one job, fit for a URL as it is."""
        message = f"{_PURPOSE}\n{job_id}\n{self._claims}".encode()
        digest = hmac.digest(secret, message, hashlib.sha256)
        return f"{self._claims}.{urlsafe_b64encode(digest).rstrip(b'=').decode()}"

    def is_signed(self, text: str, job_id: str, secret: bytes) -> bool:
        """Whether `text`, which claims this, was signed for that job. Takes as long for any signature."""
        return hmac.compare_digest(text.encode(), self.signed(job_id, secret).encode())


def claimed(text: str) -> StreamToken | None:
    """What a text claims; None where it is no token at all."""
    found = _FORM.fullmatch(text)
    return StreamToken(found[1], int(found[2]), found[3] == "rc") if found else None
