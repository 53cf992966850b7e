"""Signatures as Standard Webhooks has them: HMAC-SHA256 over `id.timestamp.body`, one for each secret that holds."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Iterable, Mapping

SECRET_PREFIX = "whsec_"  # noqa: S105 - what every secret begins with
#: As Standard Webhooks bounds them.
_LEAST_BYTES, _MOST_BYTES = 24, 64
_OWN_BYTES = 32


def new_secret() -> str:
    """A secret that nobody can guess."""
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(_OWN_BYTES)).decode()


def key_of(secret: str) -> bytes:
    """The key that a secret stands for. Raises ValueError for what is no secret."""
    if not secret.startswith(SECRET_PREFIX):
        raise ValueError("it does not begin with whsec_")
    try:
        key = base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except binascii.Error as error:
        raise ValueError("what follows whsec_ is no base64") from error
    if not _LEAST_BYTES <= len(key) <= _MOST_BYTES:
        raise ValueError(f"it has {len(key)} bytes, and {_LEAST_BYTES} to {_MOST_BYTES} are allowed")
    return key


def signed_headers(event_id: str, now_s: int, body: bytes, secrets_: Iterable[str]) -> Mapping[str, str]:
    """The headers of one attempt; while a secret is rotated, there is a signature by each of the two."""
    content = b".".join((event_id.encode(), str(now_s).encode(), body))
    signatures = [
        base64.b64encode(hmac.digest(key_of(secret), content, hashlib.sha256)).decode() for secret in secrets_
    ]
    return {
        "webhook-id": event_id,
        "webhook-timestamp": str(now_s),
        "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
    }
