"""On which terms a job waits: its class, its deadline, and what becomes of it when nobody waits for it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from penstock.errors import InvalidRequestError
from penstock.job_class import TIERS, JobClass
from penstock.request.job_request import MAX_DEADLINE_S, JobRequest
from penstock.webhooks.request import encode_target

if TYPE_CHECKING:
    from collections.abc import Mapping

    from penstock.request.responses import ResponsesBody
    from penstock.webhooks.request import Target

CLASS_HEADER = "x-penstock-class"
DEADLINE_HEADER = "x-penstock-deadline"
KEEP_HEADER = "x-penstock-keep"
KEY_HEADER = "idempotency-key"
_TRUTHS = {"true": True, "1": True, "false": False, "0": False}
_MAX_KEY_CHARACTERS = 255


class Terms(Struct, frozen=True, kw_only=True):
    """What was asked for beside the answer."""

    job_class: JobClass
    #: The longest it may wait for a worker; None for as long as its pool lets anybody wait.
    deadline_s: float | None = None
    #: It goes on when nobody waits for it.
    is_kept: bool = True
    idempotency_key: str | None = None
    #: JSON, for its owner to find it by.
    metadata: str = ""
    #: Where its end is told, as the record keeps it; "" for nowhere.
    webhook: str = ""


def waiting_terms(headers: Mapping[str, str], service_tier: str | None) -> Terms:
    """The terms of a request whose client waits for the answer. Raises InvalidRequestError.

    The class is that of the header, or of the tier of service, or interactive.
    """
    key, is_kept = idempotency_key(headers), truth_of(headers, KEEP_HEADER)
    return Terms(
        job_class=_class(headers) or TIERS.get(service_tier or "", JobClass.INTERACTIVE),
        deadline_s=_deadline(headers),
        # Whoever has the key may come back for it.
        is_kept=key is not None or is_kept,
        idempotency_key=key,
    )


class HeaderTerms(Struct, frozen=True, kw_only=True):
    """What the head of a request says of the jobs in it, where they say nothing themselves."""

    job_class: JobClass | None
    deadline_s: float | None
    idempotency_key: str | None


def header_terms(headers: Mapping[str, str]) -> HeaderTerms:
    """Raises InvalidRequestError, also for what every job says for itself."""
    return HeaderTerms(
        job_class=_class(headers), deadline_s=_deadline(headers), idempotency_key=idempotency_key(headers)
    )


def shared_terms(headers: Mapping[str, str]) -> HeaderTerms:
    """The same for many jobs, which can have no key in common. Raises InvalidRequestError."""
    terms = header_terms(headers)
    if terms.idempotency_key is not None:
        raise InvalidRequestError(
            "An Idempotency-Key stands for one job, and these are many: give each line an idempotency_key of its own."
        )
    return terms


def patient_terms(
    asked: JobRequest,
    metadata: Mapping[str, str],
    otherwise: HeaderTerms,
    default_deadline_s: float,
    target: Target | None = None,
    service_tier: str | None = None,
) -> Terms:
    """The terms of a job that its client comes back for, or is told of. Raises InvalidRequestError."""
    _check_one_key(asked.idempotency_key, otherwise.idempotency_key)
    return Terms(
        job_class=asked.job_class or otherwise.job_class or TIERS.get(service_tier or "", JobClass.STANDARD),
        deadline_s=asked.deadline_s or otherwise.deadline_s or default_deadline_s,
        idempotency_key=asked.idempotency_key or otherwise.idempotency_key,
        metadata=_encoded(metadata),
        webhook=encode_target(target) if target else "",
    )


def _check_one_key(of_the_body: str | None, of_the_head: str | None) -> None:
    """Which of two would be obeyed, nobody could know. Raises InvalidRequestError."""
    if None not in (of_the_body, of_the_head) and of_the_body != of_the_head:
        raise InvalidRequestError(
            "idempotency_key is another key than that of the Idempotency-Key header: send one of them.",
            param="idempotency_key",
        )


def response_terms(body: ResponsesBody, headers: Mapping[str, str], default_deadline_s: float) -> Terms:
    """The terms of a response: as those of a job where it is made in the background, else as a chat's.

    Raises InvalidRequestError.
    """
    metadata = _encoded(body.metadata or {})
    waiting = waiting_terms(headers, body.service_tier)
    if not body.background:
        return replace(waiting, metadata=metadata)
    return Terms(
        job_class=_class(headers) or TIERS.get(body.service_tier or "", JobClass.STANDARD),
        deadline_s=waiting.deadline_s or default_deadline_s,
        idempotency_key=waiting.idempotency_key,
        metadata=metadata,
    )


def _encoded(metadata: Mapping[str, str]) -> str:
    return msgspec.json.encode(metadata).decode() if metadata else ""


def idempotency_key(headers: Mapping[str, str]) -> str | None:
    """The same key of the same tenant stands for the same work. Raises InvalidRequestError."""
    key = headers.get(KEY_HEADER)
    if key is not None and not 0 < len(key) <= _MAX_KEY_CHARACTERS:
        raise InvalidRequestError(f"An Idempotency-Key has 1 to {_MAX_KEY_CHARACTERS} characters.")
    return key


def truth_of(headers: Mapping[str, str], name: str) -> bool:
    """A header that is true or false, which it is where it is absent. Raises InvalidRequestError."""
    text = headers.get(name)
    if text is None:
        return False
    try:
        return _TRUTHS[text.strip().lower()]
    except KeyError:
        raise InvalidRequestError(f"{name}: {text[:40]!r} is neither true (1) nor false (0).") from None


def _class(headers: Mapping[str, str]) -> JobClass | None:
    name = headers.get(CLASS_HEADER)
    if name is None:
        return None
    try:
        return JobClass(name.strip().lower())
    except ValueError:
        known = ", ".join(JobClass)
        raise InvalidRequestError(f"{CLASS_HEADER}: there is no class {name[:40]!r}; give one of {known}.") from None


def _deadline(headers: Mapping[str, str]) -> float | None:
    text = headers.get(DEADLINE_HEADER)
    if text is None:
        return None
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 1 <= seconds <= MAX_DEADLINE_S:
        raise InvalidRequestError(
            f"{DEADLINE_HEADER}: {text[:40]!r} is no number of seconds from 1 to {MAX_DEADLINE_S}."
        )
    return seconds
