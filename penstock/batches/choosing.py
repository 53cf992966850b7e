"""Which batches a process takes up next, where there are more than it can work on. Pure."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Sequence

from msgspec import Struct


class Waiting(Struct, frozen=True):
    """A batch that nobody works on."""

    id: str
    tenant: str


def next_to_take(waiting: Sequence[Waiting], running: Iterable[str], most: int) -> list[str]:
    """The batches to take up, of `waiting` ones, the oldest first, beside those of the `running` tenants.

    The tenant with the fewest comes first, and none has more than there are places left: whoever has many batches
    leaves some for those who come later (dynamic thresholds, Choudhury and Hahne 1998).
    """
    held, chosen, lines = Counter(running), list[str](), dict[str, deque[str]]()
    for batch in waiting:
        lines.setdefault(batch.tenant, deque()).append(batch.id)
    places = most - held.total()
    while lines:
        tenant = min(lines, key=held.__getitem__)
        if held[tenant] >= places:
            break
        chosen.append(lines[tenant].popleft())
        held[tenant] += 1
        places -= 1
        if not lines[tenant]:
            del lines[tenant]
    return chosen
