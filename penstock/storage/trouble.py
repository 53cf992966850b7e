"""What a library or the kernel says of storage, in Penstock's words."""

from __future__ import annotations

import errno

from penstock.errors import (
    StorageDeniedError,
    StorageError,
    StorageFullError,
    StorageMissingError,
    StorageUnavailableError,
)

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_DENIED = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
#: Of what a library says.
_SHOWN_CHARACTERS = 300


def storage_error(error: BaseException, where: str) -> StorageError:
    """The error that everybody outside this package sees."""
    if isinstance(error, StorageError):
        return error
    if isinstance(error, FileNotFoundError):
        return StorageMissingError(f"There is no such object in {where}.")
    number = error.errno if isinstance(error, OSError) else None
    if number in _FULL:
        return StorageFullError(f"There is no room left in {where} ({_said(error)}).")
    if number in _DENIED or isinstance(error, PermissionError):
        return StorageDeniedError(f"This process may not do that in {where} ({_said(error)}).")
    return StorageUnavailableError(f"{where} cannot be used ({_said(error)}).")


def too_slow(where: str, timeout_s: float) -> StorageUnavailableError:
    """No answer came."""
    return StorageUnavailableError(f"{where} did not answer within {timeout_s:g} s (storage.timeout_s).")


def _said(error: BaseException) -> str:
    said = error.strerror if isinstance(error, OSError) and error.strerror else f"{type(error).__name__}: {error}"
    return said[:_SHOWN_CHARACTERS]
