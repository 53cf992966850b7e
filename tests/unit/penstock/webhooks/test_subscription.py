from __future__ import annotations

from penstock.webhooks.subscription import Subscription, decode_subscription, encode_subscription

GRACE_MS = 1000
NEW = Subscription(id="wh_1", url="https://example.com", secret="a", created_ms=1)


def test_each_secret_signs_for_its_grace_however_often_it_is_rotated_meanwhile() -> None:
    rotated = NEW.rotated("b", 0, GRACE_MS).rotated("c", 400, GRACE_MS)
    assert rotated.secrets_at(999) == ("c", "b", "a")
    assert rotated.secrets_at(1000) == ("c", "b")
    assert rotated.secrets_at(1400) == ("c",)
    assert rotated.rotated("d", 1200, GRACE_MS).secrets_at(1200) == ("d", "c", "b")


def test_a_hundred_rotations_leave_a_header_of_a_bounded_length() -> None:
    rotated = NEW
    for number in range(100):
        rotated = rotated.rotated(str(number), 0, GRACE_MS)
    assert rotated.secrets_at(0) == ("99", "98", "97", "96", "95")


def test_what_is_read_again_is_written_as_it_was() -> None:
    stored = encode_subscription(NEW.rotated("b", 0, GRACE_MS).disabled("410 Gone"))
    assert encode_subscription(decode_subscription(stored)) == stored


def test_one_that_was_disabled_is_as_before_when_it_is_enabled_again() -> None:
    assert NEW.disabled("410 Gone").enabled() == NEW
