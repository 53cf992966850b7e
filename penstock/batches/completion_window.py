"""How long a batch may take: `24h`, shorter windows, and a week."""

from __future__ import annotations

WINDOWS: dict[str, int] = {"7d": 7 * 24 * 3600, "24h": 24 * 3600, "4h": 4 * 3600, "1h": 3600}


def reason_to_refuse(*, lines: int, ahead: int, jobs_per_s: float, window: str) -> str:
    """Why a batch of so many lines would not be done in time at the pool's measured rate; "" where it would.

    `ahead` are jobs that wait for the same workers; a rate of 0 says that nothing was measured.
    """
    if not jobs_per_s:
        return ""
    needed_s = (lines + ahead) / jobs_per_s
    if needed_s <= WINDOWS[window]:
        return ""
    return (
        f"At the measured rate of {jobs_per_s:.3g} jobs per second, {lines} lines behind {ahead} waiting jobs take "
        f"{needed_s / 3600:.1f} h, and completion_window is {window}."
    )
