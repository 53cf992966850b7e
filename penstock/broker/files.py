"""Calls and queries of a tenant's files: their records, their list, and what the sweep looks for."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from functools import partial

from penstock.broker import replies
from penstock.broker.keys import FILING_TENANTS, TenantKeys
from penstock.broker.query import Query
from penstock.broker.script import Call, Script, text
from penstock.files.file import File, Part, decode_parts, read_file, record_of
from penstock.usage import DAY_MS

_PUT = Script("put_file")
_DELETE = Script("delete_file")
_LIST = Script("list_tenant")
_FORGET = Script("forget_tenant")

#: How long a deleted file is remembered: longer than anybody takes to record it late.
_REMEMBERED_MS = DAY_MS


def touch(tenant: str, now_ms: int) -> Call[str]:
    """Make a tenant known to the sweep; before its file is recorded, so that none is ever overlooked."""
    return Call(_LIST, (FILING_TENANTS,), (tenant, now_ms), text)


def put(tenant: str, file: File, most: int | None = None) -> Call[str]:
    """Record a file, once: "put", "exists", "deleted" (it was, and stays so) or "full" (there are `most` already)."""
    fields = itertools.chain.from_iterable(record_of(file).items())
    return Call(_PUT, _keys(tenant, file.id), (file.id, file.created_ms, file.expires_ms, most or 0, *fields), text)


def delete(tenant: str, file_id: str) -> Call[Sequence[Part] | None]:
    """Delete a file's record; returns the parts, which nobody else deletes from storage, None where there is no file.

    A repeat returns them again, as long as a deleted file is remembered.
    """
    return Call(_DELETE, _keys(tenant, file_id), (file_id, _REMEMBERED_MS), _parts)


def file(tenant: str, file_id: str) -> Query[File | None]:
    """One of them; whether it has expired is for its reader to see."""
    return Query(("HGETALL", TenantKeys(tenant).file(file_id)), partial(_file, tenant, file_id))


def count(tenant: str) -> Query[int]:
    """How many a tenant has."""
    return Query(("ZCARD", TenantKeys(tenant).files), int)


def listed(
    tenant: str, from_ms: int | None, *, newest_first: bool, skip: int, most: int
) -> Query[list[tuple[int, str]]]:
    """A page of a tenant's files: the ms of each one's making and its id.

    `from_ms` leaves out those before it in that order; `skip` so many of the others.
    """
    if newest_first:
        words = ("ZREVRANGEBYSCORE", TenantKeys(tenant).files, "+inf" if from_ms is None else from_ms, "-inf")
    else:
        words = ("ZRANGEBYSCORE", TenantKeys(tenant).files, "-inf" if from_ms is None else from_ms, "+inf")
    return Query((*words, "WITHSCORES", "LIMIT", skip, most), replies.scored)


def place_of(tenant: str, file_id: str) -> Query[tuple[int, str] | None]:
    """Where a file stands in its tenant's list, or None where it is not in it."""
    command = ("ZSCORE", TenantKeys(tenant).files, file_id)
    return Query(command, replies.place_of(file_id))


def tenants() -> Query[list[str]]:
    """Everybody whom the sweep looks after."""
    return Query(("ZRANGE", FILING_TENANTS, 0, -1), replies.names)


def forget_tenant(tenant: str, touched_before_ms: int) -> Call[str]:
    """Strike off a tenant that had no files, unless one was made for it since: "forgotten" or "kept"."""
    return Call(_FORGET, (FILING_TENANTS,), (tenant, touched_before_ms), text)


def expired(tenant: str, now_ms: int, most: int) -> Query[list[str]]:
    """Ids of some that have expired, the longest first."""
    return Query(("ZRANGEBYSCORE", TenantKeys(tenant).files_expiring, "-inf", now_ms, "LIMIT", 0, most), replies.names)


def _keys(tenant: str, file_id: str) -> tuple[str, ...]:
    keys = TenantKeys(tenant)
    return keys.file(file_id), keys.files, keys.files_expiring


def _parts(reply: bytes | None) -> Sequence[Part] | None:
    return None if reply is None else decode_parts(reply)


def _file(tenant: str, file_id: str, reply: list[bytes]) -> File | None:
    return read_file(tenant, file_id, dict(zip(reply[::2], reply[1::2], strict=True))) if reply else None
