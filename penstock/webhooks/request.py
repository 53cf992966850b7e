"""What a client may ask of webhooks: where a job's end is to be told, and what a standing subscription is."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import Annotated, Any
from urllib.parse import SplitResult, urlsplit

import msgspec
from msgspec import Meta, Struct

from penstock.errors import InvalidRequestError
from penstock.json_body import decode_body, field_fault
from penstock.webhooks.address import Address, Network, is_allowed
from penstock.webhooks.event import SUBSCRIBABLE, EventType
from penstock.webhooks.signature import key_of

_MOST_URL = 2048
_MOST_SECRET = 100
_MOST_DESCRIPTION = 200

_LOOPBACK = (ipaddress.IPv4Address("127.0.0.1"), ipaddress.IPv6Address("::1"))
_URL_FORM = {"format": "uri", "pattern": "^https?://"}
_SECRET_FORM = {"pattern": "^whsec_[A-Za-z0-9+/]{32,86}={0,2}$"}
_KNOWN = {"enum": list(SUBSCRIBABLE)}

Url = Annotated[
    str,
    Meta(min_length=1, max_length=_MOST_URL, description="Where it is sent.", extra_json_schema=_URL_FORM),
]
Secret = Annotated[str, Meta(max_length=_MOST_SECRET, description="What signs.", extra_json_schema=_SECRET_FORM)]
Events = Annotated[
    list[Annotated[str, Meta(extra_json_schema=_KNOWN)]],
    Meta(max_length=len(SUBSCRIBABLE), description="Those that are sent; all without it."),
]


class Target(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Where the end of one job is told."""

    url: Url
    #: Those that are sent; all where there are none.
    events: Events | None = None
    #: What signs; the tenant's secret for jobs where there is none.
    secret: Secret | None = None

    def wants(self, event: EventType) -> bool:
        """Whether it hears of such events."""
        return not self.events or event in self.events


class SubscriptionRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    """A standing subscription to be made."""

    url: Url
    events: Events | None = None
    description: Annotated[str, Meta(max_length=_MOST_DESCRIPTION)] | None = None


class Nothing(Struct, forbid_unknown_fields=True):
    """A body without fields."""


_nothing = msgspec.json.Decoder(Nothing)
_subscription = msgspec.json.Decoder(SubscriptionRequest)
_target = msgspec.json.Decoder(Target)


def parse_subscription(raw: bytes) -> SubscriptionRequest:
    """Decode a subscription. Raises InvalidRequestError naming the field."""
    found = decode_body(raw, _subscription)
    _check_url(found.url, "url")
    _check_events(found.events, "events")
    return found


def parse_empty(raw: bytes) -> None:
    """A body that says nothing: none at all, or an object without fields. Raises InvalidRequestError."""
    if raw.strip():
        decode_body(raw, _nothing)


def target_of(webhook: Any) -> Target:
    """The `webhook` of a job: a URL, or an object. Raises InvalidRequestError naming the field."""
    try:
        found = msgspec.convert({"url": webhook} if isinstance(webhook, str) else webhook, Target)
    except msgspec.ValidationError as error:
        fault = field_fault(error, Target)
        raise InvalidRequestError(f"webhook: {fault.message}", param="webhook") from None
    _check_url(found.url, "webhook.url")
    _check_events(found.events, "webhook.events")
    if found.secret is not None:
        try:
            key_of(found.secret)
        except ValueError as error:
            raise InvalidRequestError(f"webhook.secret is none: {error}.", param="webhook.secret") from None
    return found


def encode_target(target: Target) -> str:
    """As a job's record keeps it."""
    return msgspec.json.encode(target).decode()


def decode_target(stored: str) -> Target:
    """Read it again. Raises msgspec.DecodeError."""
    return _target.decode(stored)


def check_address(url: str, networks: Sequence[Network], param: str) -> None:
    """Raise InvalidRequestError where a URL names an address that nothing is sent to.

    That of this machine has a name that everybody knows (RFC 6761); any other name is looked up later.
    """
    host = urlsplit(url).hostname or ""
    addresses: Sequence[Address]
    if host.rstrip(".").rpartition(".")[2] == "localhost":
        addresses = _LOOPBACK
    else:
        try:
            addresses = [ipaddress.ip_address(host)]
        except ValueError:
            return
    if not any(is_allowed(address, networks) for address in addresses):
        raise InvalidRequestError(
            f"{param}: {host} is no public address; the operator may allow it (webhooks.allowed_networks).", param=param
        )


def _check_url(url: str, param: str) -> None:
    reason = _fault_of(url)
    if reason:
        raise InvalidRequestError(f"{param} {reason}.", param=param)


def _fault_of(url: str) -> str:
    """What is wrong with a URL, as the rest of a sentence; "" for nothing."""
    if not url.isascii() or not url.isprintable() or " " in url:
        return "must be ASCII without blanks: write others as %XX, and a name as its xn-- form"
    try:
        parts = urlsplit(url)
        has_port = parts.port is None or parts.port > 0
    except ValueError as error:
        return f"is no URL: {error}"
    return _fault_in(parts) if has_port else "has port 0"


def _fault_in(parts: SplitResult) -> str:
    if parts.scheme not in ("https", "http"):
        return "must begin with https:// or http://"
    if not parts.hostname:
        return "names no host"
    if parts.username is not None or parts.password is not None:
        return "must not hold a user or a password: whoever reads the list of subscriptions would see it"
    return "must not have a fragment (#): it is never sent" if parts.fragment else ""


def _check_events(events: Sequence[str] | None, param: str) -> None:
    for event in events or ():
        if event not in SUBSCRIBABLE:
            known = ", ".join(SUBSCRIBABLE)
            raise InvalidRequestError(f"{param}: there is no {event[:40]!r}; give any of {known}.", param=param)
