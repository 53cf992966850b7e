"""An outage is one line, and its end another, however many parts of a process meet it."""

from __future__ import annotations

from structlog.testing import capture_logs

from penstock.broker.contact import Contact
from penstock.telemetry import events


def test_it_is_lost_with_the_first_and_back_with_the_last() -> None:
    contact = Contact("redis://here:1")
    with capture_logs() as logs:
        contact.back("one")
        contact.lost("one", "it is silent", worker="w.1")
        contact.lost("two", "it is gone")
        contact.lost("one", "it is gone")
        contact.back("one")
        contact.back("two", worker="w.1")
        contact.back("one")

    assert logs == [
        {
            "event": events.REDIS_LOST,
            "log_level": "warning",
            "address": "redis://here:1",
            "why": "it is silent",
            "worker": "w.1",
        },
        {"event": events.REDIS_BACK, "log_level": "info", "address": "redis://here:1", "worker": "w.1"},
    ]
