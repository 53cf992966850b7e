"""When a process ends: by which signals, and with its parent."""

from __future__ import annotations

import ctypes
import os
import signal

_PR_SET_PDEATHSIG = 1
_STOP_SIGNALS = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGHUP})
# Loaded at import: between fork and exec is no place for dlopen.
_LIBC = ctypes.CDLL(None, use_errno=True)


def stop_signals() -> frozenset[signal.Signals]:
    """What tells this process to end in order; a hang-up does not where it was started to outlive one (nohup)."""
    is_hangup_ignored = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    return _STOP_SIGNALS - {signal.SIGHUP} if is_hangup_ignored else _STOP_SIGNALS


def die_with_parent(sig: int = signal.SIGKILL, *, parent_pid: int | None = None) -> None:
    """Have the kernel send `sig` to this process when its parent ends.

    `parent_pid` is the parent's pid as it was before the fork: had the parent died in between, the signal would never
    come, so this process ends at once. The kernel watches the thread that forked: it must live as long as its process.
    """
    if _LIBC.prctl(_PR_SET_PDEATHSIG, sig, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
    if parent_pid is not None and os.getppid() != parent_pid:
        os.kill(os.getpid(), sig)
