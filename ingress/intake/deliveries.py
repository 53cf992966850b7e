"""A tenant's log of deliveries, newest first, page by page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from penstock.broker import webhooks
from penstock.webhooks.delivery import Delivery

if TYPE_CHECKING:
    from collections.abc import Sequence

    from penstock.broker.client import Broker
    from penstock.webhooks.delivery import DeliveryState
    from penstock.webhooks.event import EventType

#: Deliveries that are read in one round trip.
_PAGE = 50
#: Deliveries that are looked at for one answer: with a filter that few pass, the client asks again.
_MOST_LOOKED_AT = 500

#: Where a delivery stands in its tenant's log; greater is newer.
Place = tuple[int, str]


class DeliveryFilter(Struct, frozen=True, kw_only=True):
    """Which deliveries are wanted; what is None says nothing."""

    state: DeliveryState | None = None
    event: EventType | None = None
    subscription: str | None = None
    job: str | None = None

    def passes(self, delivery: Delivery) -> bool:
        """Whether a delivery is wanted."""
        pairs = (
            (self.state, delivery.state),
            (self.event, delivery.type),
            (self.subscription, delivery.destination.subscription),
            (self.job, delivery.job),
        )
        return all(wanted in (None, found) for wanted, found in pairs)


class DeliveryPage(Struct, frozen=True):
    """Part of the log."""

    deliveries: Sequence[Delivery]
    #: The delivery behind which it goes on; None at its end.
    next: str | None


async def page_of_deliveries(
    broker: Broker, tenant: str, wanted: DeliveryFilter, *, limit: int, after: Place | None
) -> DeliveryPage:
    """The next deliveries that are wanted, behind a place. Raises BrokerUnavailableError, BrokerDataError."""
    found, skip, last = list[Delivery](), 0, ""
    newest_ms = None if after is None else after[0]
    while True:
        places = await broker.ask(webhooks.logged(tenant, newest_ms=newest_ms, skip=skip, count=_PAGE))
        due = [name for at_ms, name in places if after is None or (at_ms, name) < after]
        # One that cannot be read is left out: whoever asks for it is told.
        records = await broker.ask_each([webhooks.delivery(tenant, name) for name in due]) if due else []
        for name, delivery in zip(due, records, strict=True):
            if len(found) == limit:
                return DeliveryPage(found, last)
            last = name
            if isinstance(delivery, Delivery) and wanted.passes(delivery):
                found.append(delivery)
        skip += len(places)
        if len(places) < _PAGE:
            return DeliveryPage(found, None)
        if skip >= _MOST_LOOKED_AT:
            return DeliveryPage(found, last)
