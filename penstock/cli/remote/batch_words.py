"""How far a batch is, in words. Pure."""

from __future__ import annotations

from penstock.cli.remote.batch_meter import Counts, Pace

_MINUTE_S = 60
_HOUR_S = 3600


def progress(counts: Counts, pace: Pace) -> str:
    """One line: `1200/50000 lines, 35.1 lines/s, 1520 tokens/s, 3 failed, 23m left`."""
    return ", ".join([f"{counts.done}/{counts.total} lines", *details(counts, pace)])


def details(counts: Counts, pace: Pace) -> list[str]:
    """What is known besides how many are done."""
    said = []
    if pace.lines_per_s is not None and pace.tokens_per_s is not None:
        said += [f"{pace.lines_per_s:.1f} lines/s", f"{pace.tokens_per_s:.0f} tokens/s"]
    if counts.failed:
        said.append(f"{counts.failed} failed")
    if pace.left_s is not None and counts.done < counts.total:
        said.append(f"{duration(pace.left_s)} left")
    return said


def duration(seconds: float) -> str:
    """`45s`, `12m`, `3h05m`."""
    rounded = round(seconds)
    if rounded < _MINUTE_S:
        return f"{rounded}s"
    if rounded < _HOUR_S:
        return f"{rounded // _MINUTE_S}m"
    return f"{rounded // _HOUR_S}h{rounded % _HOUR_S // _MINUTE_S:02}m"
