"""A tenant's subscription to the ends of its jobs, and the secrets that sign what is sent for it."""

from __future__ import annotations

import enum
import secrets

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from penstock.webhooks.event import EventType

#: The one that has no URL: its secrets sign what goes to the URLs that jobs bring along without a secret.
FOR_JOBS = "jobs"


class SubscriptionState(enum.StrEnum):
    """Whether events are sent there."""

    ENABLED = "enabled"
    DISABLED = "disabled"


#: Secrets that still sign beside the newest: each rotation within the grace adds one, and a header has an end.
_MOST_OLD_SECRETS = 4


class OldSecret(Struct, frozen=True, array_like=True):
    """A secret that was rotated away, and until when it signs too."""

    secret: str
    until_ms: int


class Subscription(Struct, frozen=True, kw_only=True):
    """One of a tenant's subscriptions, as it is kept. Times are Unix milliseconds; 0 is `never`."""

    id: str
    url: str
    #: Those that are sent; empty for all.
    events: tuple[EventType, ...] = ()
    description: str = ""
    secret: str
    #: Those that were rotated away lately, the newest first: a receiver may know any of them.
    old_secrets: tuple[OldSecret, ...] = ()
    state: SubscriptionState = SubscriptionState.ENABLED
    #: Why it is disabled.
    reason: str = ""
    created_ms: int
    rotated_ms: int = 0

    def wants(self, event: EventType) -> bool:
        """Whether it hears of such events."""
        is_enabled = self.state is SubscriptionState.ENABLED and self.id != FOR_JOBS
        return is_enabled and (not self.events or event in self.events)

    def secrets_at(self, now_ms: int) -> tuple[str, ...]:
        """Those that sign now, the newest first."""
        return (self.secret, *(one.secret for one in self.old_secrets if now_ms < one.until_ms))

    def rotated(self, secret: str, now_ms: int, grace_ms: int) -> Subscription:
        """With a new secret; the one before signs too for a while, and those before it for the rest of theirs."""
        left = [one for one in self.old_secrets if now_ms < one.until_ms][: _MOST_OLD_SECRETS - 1]
        old = (OldSecret(self.secret, now_ms + grace_ms), *left)
        return replace(self, secret=secret, old_secrets=old, rotated_ms=now_ms)

    def disabled(self, reason: str) -> Subscription:
        """Kept, and no longer sent anything."""
        return replace(self, state=SubscriptionState.DISABLED, reason=reason)

    def enabled(self) -> Subscription:
        """Sent events again."""
        return replace(self, state=SubscriptionState.ENABLED, reason="")


_decoder = msgspec.json.Decoder(Subscription)


def new_subscription_id() -> str:
    """An id for a new one."""
    return f"wh_{secrets.token_hex(8)}"


def encode_subscription(subscription: Subscription) -> bytes:
    """As it is kept."""
    return msgspec.json.encode(subscription)


def decode_subscription(stored: bytes) -> Subscription:
    """Read it again. Raises msgspec.DecodeError."""
    return _decoder.decode(stored)
