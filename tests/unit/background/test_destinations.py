"""A receiver that hangs takes no place from the others."""

from __future__ import annotations

from background.destinations import Destinations

HUNG, WELL = "https://hung.example/x", "https://well.example/x"
TIMEOUT_S = 15.0


def places() -> Destinations:
    return Destinations(per_host=4, per_tenant=6)


def test_a_host_has_so_many_places_whatever_its_urls_are() -> None:
    destinations = places()
    assert [destinations.enter(f"{HUNG}/{n}", "acme", 0.0) for n in range(4)] == [0.0] * 4
    assert destinations.enter(HUNG, "rival", 0.0) > 0
    assert destinations.enter(WELL, "acme", 0.0) == 0.0
    destinations.leave(HUNG, "acme", 0.1, has_timed_out=False)
    assert destinations.enter(HUNG, "rival", 0.1) == 0.0


def test_a_tenant_has_so_many_places_whatever_its_hosts_are() -> None:
    destinations = places()
    assert [destinations.enter(f"https://{n}.example", "acme", 0.0) for n in range(6)] == [0.0] * 6
    assert destinations.enter("https://7.example", "acme", 0.0) > 0
    assert destinations.enter("https://7.example", "rival", 0.0) == 0.0


def test_a_host_that_timed_out_has_one_place_until_it_is_well() -> None:
    destinations = places()
    for _ in range(4):
        destinations.enter(HUNG, "acme", 0.0)
    for _ in range(4):
        destinations.leave(HUNG, "acme", TIMEOUT_S, has_timed_out=True)
    assert destinations.enter(HUNG, "acme", 15.0) == 0.0
    assert destinations.enter(HUNG, "acme", 15.0) > 1.0
    destinations.leave(HUNG, "acme", 0.1, has_timed_out=False)
    assert [destinations.enter(HUNG, "acme", 16.0) for _ in range(4)] == [0.0] * 4


def test_those_that_find_no_place_come_back_one_after_the_other_and_not_too_late() -> None:
    destinations = places()
    for _ in range(4):
        destinations.enter(HUNG, "acme", 0.0)
    waits_s = [destinations.enter(HUNG, "acme", 0.0) for _ in range(10_000)]
    assert waits_s == sorted(waits_s)
    assert 0 < waits_s[0] < 0.1
    assert waits_s[-1] == 60.0


def test_hosts_with_nothing_under_way_are_forgotten() -> None:
    destinations = places()
    for number in range(25_000):
        url = f"https://{number}.example"
        assert destinations.enter(url, "acme", 0.0) == 0.0
        destinations.leave(url, "acme", 0.1, has_timed_out=False)
    assert len(destinations._hosts) <= 10_000
    assert destinations._tenants == {}
