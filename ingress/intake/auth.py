"""Who asks: API keys, of which only hashes are kept."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from typing import TYPE_CHECKING

from msgspec import Struct

from penstock.errors import UnauthorizedError

if TYPE_CHECKING:
    from penstock.settings import ApiKey


class Caller(Struct, frozen=True):
    """Who asks."""

    tenant: str
    #: The name of the API key, "" where none is needed.
    key: str = ""


#: Whoever reaches a listener on a loopback address without keys.
ANYBODY = Caller("default")


def caller_of(authorization: str | None, keys: Sequence[ApiKey]) -> Caller:
    """Whose key the Authorization header bears. Raises UnauthorizedError.

    Every key is compared, each in constant time: how long it takes tells nothing about any of them.
    """
    if not keys:
        return ANYBODY
    scheme, _, key = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not key.strip():
        raise UnauthorizedError("Give an API key: `Authorization: Bearer KEY`.")
    digest = hashlib.sha256(key.strip().encode()).hexdigest()
    matches = [Caller(known.tenant, known.name) for known in keys if hmac.compare_digest(known.sha256, digest)]
    if not matches:
        raise UnauthorizedError("Nobody knows this API key.")
    return matches[0]
