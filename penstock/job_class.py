"""The classes of jobs."""

from __future__ import annotations

import enum


class JobClass(enum.StrEnum):
    """An order of service; the scheduler empties a higher class first."""

    INTERACTIVE = "interactive"
    STANDARD = "standard"
    BATCH = "batch"

    @property
    def service_tier(self) -> str:
        """The class as OpenAI's clients know it."""
        return _TIER_OF[self]


#: OpenAI's tiers of service.
TIERS: dict[str, JobClass] = {
    "priority": JobClass.INTERACTIVE,
    "default": JobClass.STANDARD,
    "flex": JobClass.BATCH,
}
_TIER_OF = {job_class: tier for tier, job_class in TIERS.items()}
