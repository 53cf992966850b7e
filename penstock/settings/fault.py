"""Something wrong at one place of the configuration."""

from __future__ import annotations

import re
from dataclasses import dataclass

#: The keys and indices that lead to a setting from the top of the configuration.
Place = tuple[str | int, ...]

_CREDENTIALS = re.compile(r"(?<=//)\S*(?=@)")
_SHOWN_CHARACTERS = 200


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong, and how to mend it."""

    place: Place
    sentence: str
    #: What a wrong name was probably meant for: a setting, or any entry of a mapping.
    meant: Place | None = None

    def touches(self, place: Place) -> bool:
        """Whether nothing certain is known of the setting at that place."""
        return any(_overlap(place, own) for own in (self.place, self.meant) if own is not None)


def dotted(place: Place) -> str:
    """A place as a user writes it: `ingress.api_keys[0].name`."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in place).removeprefix(".")


def shown(value: object) -> str:
    """A wrong value as an error repeats it: short, and without the credentials of a URL."""
    text = _CREDENTIALS.sub("***", repr(value))
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}..."


def _overlap(one: Place, other: Place) -> bool:
    """Whether one of two places lies within the other, or is the same."""
    shared = min(len(one), len(other))
    return one[:shared] == other[:shared]
