"""Facts for tests, and ways to draw them."""

from __future__ import annotations

from hypothesis import strategies as st

from scheduler.policy.facts import Lane, Liveness, Waiting, WorkerFacts

LANES = ("resume", "interactive:a", "standard:a", "standard:b", "batch:a")


def worker(instance: str, *, held: int = 0, slots: int = 4, liveness: Liveness = Liveness.ALIVE) -> WorkerFacts:
    return WorkerFacts(instance, is_ready=True, liveness=liveness, slots=slots, held=held)


def waiting(lane: str, ms: int, sequence: int = 0) -> Waiting:
    return Waiting(f"{lane}/{ms}-{sequence}", lane, f"{ms}-{sequence}")


@st.composite
def lanes(draw: st.DrawFn) -> list[Lane]:
    """Some lanes, each with its jobs in the order in which they came."""
    drawn = []
    for name in draw(st.lists(st.sampled_from(LANES), unique=True)):
        times = sorted(draw(st.sets(st.integers(0, 50), max_size=8)))
        heads = [waiting(name, ms) for ms in times]
        drawn.append(Lane(name, heads, has_more=draw(st.booleans()) and bool(heads)))
    return drawn


@st.composite
def fleets(draw: st.DrawFn) -> list[WorkerFacts]:
    """Some workers in all conditions."""
    return [
        WorkerFacts(
            f"w{number}.1",
            is_ready=draw(st.booleans()),
            liveness=draw(st.sampled_from(Liveness)),
            slots=draw(st.integers(1, 5)),
            held=draw(st.integers(0, 6)),
        )
        for number in range(draw(st.integers(0, 6)))
    ]
