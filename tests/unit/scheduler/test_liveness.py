"""Who is gone."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from penstock.broker.observing import InstanceRecord
from scheduler.policy.facts import Liveness
from scheduler.policy.liveness import judge, sight
from scheduler.watch import BeatWatch

TTL_S = 1.5
LOOK_EVERY_S = 0.25


def _record(beat: int, instance: str = "w.1") -> InstanceRecord:
    return InstanceRecord(instance, "w", "ready", 4, beat, "", "simulated", "host", "1")


def _looks(
    watch: BeatWatch, beats: list[int], *, start_s: float = 0.0, every_s: float = LOOK_EVERY_S
) -> list[Liveness]:
    return [watch.look([_record(beat)], start_s + number * every_s)["w.1"] for number, beat in enumerate(beats)]


def test_a_beat_that_moves_is_alive() -> None:
    assert set(_looks(BeatWatch(TTL_S), list(range(20)))) == {Liveness.ALIVE}


def test_a_beat_that_stands_still_is_suspect_and_then_lost() -> None:
    assert _looks(BeatWatch(TTL_S), [7] * 7) == [
        *[Liveness.ALIVE] * 2,
        *[Liveness.SUSPECT] * 4,
        Liveness.LOST,
    ]


def test_a_beat_that_moves_in_the_last_moment_begins_anew() -> None:
    assert _looks(BeatWatch(TTL_S), [7, 7, 7, 7, 7, 7, 8, 8])[-2:] == [Liveness.ALIVE, Liveness.ALIVE]


def test_nobody_is_lost_while_the_observer_looked_away() -> None:
    watch = BeatWatch(TTL_S)
    _looks(watch, [7] * 6)
    assert _looks(watch, [7], start_s=10.0) == [Liveness.ALIVE]


def test_a_restart_measures_every_silence_anew() -> None:
    watch = BeatWatch(TTL_S)
    _looks(watch, [7] * 6)
    watch.restart()
    assert _looks(watch, [7], start_s=6 * LOOK_EVERY_S) == [Liveness.ALIVE]


def test_an_instance_that_comes_later_is_measured_from_then() -> None:
    watch = BeatWatch(TTL_S)
    _looks(watch, [7] * 6)
    seen = watch.look([_record(7), _record(0, "x.1")], 6 * LOOK_EVERY_S)
    assert seen == {"w.1": Liveness.LOST, "x.1": Liveness.ALIVE}


@given(st.lists(st.tuples(st.integers(0, 3), st.floats(0.01, 3.0)), min_size=1, max_size=40))
def test_nobody_is_lost_before_a_lease_of_silence_under_watch(steps: list[tuple[int, float]]) -> None:
    """Whatever the beats and the pauses between two looks: the verdict needs a full, unbroken silence."""
    watch = BeatWatch(TTL_S)
    now_s, silent_since_s, last_beat, last_look_s = 0.0, 0.0, -1, -10.0
    for beat, pause_s in steps:
        now_s += pause_s
        if beat != last_beat or now_s - last_look_s >= TTL_S / 2:
            silent_since_s = now_s
        last_beat, last_look_s = beat, now_s
        verdict = watch.look([_record(beat)], now_s)["w.1"]
        assert (verdict is Liveness.LOST) == (now_s - silent_since_s >= TTL_S)


def test_a_sighting_is_kept_while_the_beat_is_the_same() -> None:
    first = sight(None, 3, 1.0)
    assert sight(first, 3, 2.0) is first
    assert sight(first, 4, 2.0).since_s == 2.0
    assert judge(first, 1.0, TTL_S) is Liveness.ALIVE
