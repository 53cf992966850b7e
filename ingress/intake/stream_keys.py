"""The keys that stream tokens are signed with: configured, or made by the ingresses together and replaced by the clock.

Nothing is kept in the process: what Redis forgets is forgotten by every ingress at once, and its tokens with it.
"""

from __future__ import annotations

import hashlib
import secrets
from typing import TYPE_CHECKING

from msgspec import Struct

from ingress.intake.stream_token import StreamToken, claimed
from penstock.broker.signing import key_of_period, known_key
from penstock.errors import StreamTokenError

if TYPE_CHECKING:
    from penstock.broker.client import Broker
    from penstock.settings.sections import StreamSettings

_KEY_BYTES = 32
#: Of a configured key's fingerprint: enough to tell two keys apart.
_NAME_CHARACTERS = 8
#: Clocks of ingresses may differ by as much.
_CLOCKS_S = 60
_CONFIGURED, _PERIOD = "c", "p"
#: More digits are no period.
_PERIOD_DIGITS = 12

NOT_FOR_THIS_JOB = "This token does not open this job's stream: ask for another with POST /v1/jobs/{id}/stream-url."
OVER = "This token's time is over: ask for another with POST /v1/jobs/{id}/stream-url."
NO_CANCEL = "This token does not let its bearer cancel: ask for one with POST /v1/jobs/{id}/stream-url, can_cancel."


class _Key(Struct, frozen=True):
    name: str
    secret: bytes


class StreamKeys:
    """Signs tokens and tells whether others did."""

    def __init__(self, settings: StreamSettings, broker: Broker) -> None:
        self._settings = settings
        self._broker = broker
        given = (settings.signing_key, settings.previous_signing_key)
        self._configured = {_name(key): key.encode() for key in given if key is not None}

    async def token(self, job_id: str, expires_s: int, now_s: float, *, can_cancel: bool) -> str:
        """A token for a job. Raises BrokerUnavailableError."""
        key = await self._signing(now_s)
        return StreamToken(key.name, expires_s, can_cancel).signed(job_id, key.secret)

    async def check(self, text: str, job_id: str, now_s: float) -> StreamToken:
        """What a token allows. Raises StreamTokenError, BrokerUnavailableError."""
        token = claimed(text)
        if token is None:
            raise StreamTokenError(NOT_FOR_THIS_JOB)
        if token.expires_s <= now_s:
            raise StreamTokenError(OVER)
        secret = await self._known(token.key)
        if secret is None or not token.is_signed(text, job_id, secret):
            raise StreamTokenError(NOT_FOR_THIS_JOB)
        return token

    async def _signing(self, now_s: float) -> _Key:
        if self._configured:
            return _Key(*next(iter(self._configured.items())))
        rotation_s = self._settings.key_rotation_s
        period = int(now_s // rotation_s)
        ttl_s = rotation_s + self._settings.token_ttl_s + _CLOCKS_S
        new = secrets.token_bytes(_KEY_BYTES)
        return _Key(f"{_PERIOD}{period}", await self._broker.run(key_of_period(period, new, int(ttl_s * 1000))))

    async def _known(self, name: str) -> bytes | None:
        if self._configured:
            return self._configured.get(name)
        period = name.removeprefix(_PERIOD)
        if period == name or not period.isdecimal() or len(period) > _PERIOD_DIGITS:
            return None
        return await self._broker.ask(known_key(int(period)))


def _name(key: str) -> str:
    return _CONFIGURED + hashlib.sha256(key.encode()).hexdigest()[:_NAME_CHARACTERS]
