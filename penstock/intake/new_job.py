"""A checked request as a job on its way into the queue."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penstock.errors import InvalidRequestError, ModelNotFoundError
from penstock.job import NewJob
from penstock.request import is_engine_written

if TYPE_CHECKING:
    from collections.abc import Sequence

    from penstock.intake.asking import Asked
    from penstock.job_class import JobClass
    from penstock.request import ChatBody, CompletionBody
    from penstock.settings import PoolSettings, Settings

#: Models that an error lists.
_MOST_NAMED = 10


def pool_for(settings: Settings, body: ChatBody | CompletionBody) -> str:
    """The pool that serves what a body asks for. Raises ModelNotFoundError, InvalidRequestError."""
    pool = settings.pool_of(body.model)
    if pool is None:
        raise model_not_found(body.model, settings)
    slots = settings.pools[pool].slots
    # Each choice takes a slot of its worker.
    if (body.n or 1) > slots:
        raise InvalidRequestError(f"n is {body.n}, and a worker of this model has {slots} slots.", param="n")
    return pool


def model_not_found(model: str | None, settings: Settings) -> ModelNotFoundError:
    """The error for a name that nobody serves, or for none where there are several."""
    served = _some_of(list(settings.models))
    if model is None:
        return ModelNotFoundError(f"Several models are served: name one of {served}.", param="model")
    return ModelNotFoundError(f"The model {model[:200]!r} is not served here; there is {served}.", param="model")


def _some_of(names: Sequence[str]) -> str:
    """All of a few names, the first of many."""
    left = len(names) - _MOST_NAMED
    shown = ", ".join(names[:_MOST_NAMED])
    return f"{shown} and {left} more (GET /v1/models)" if left > 0 else shown


def new_job(
    job_id: str,
    limits: PoolSettings,
    asked: Asked,
    *,
    tenant: str,
    job_class: JobClass,
    key: str = "",
    deadline_s: float | None = None,
    kept_s: float | None = None,
    is_kept: bool = True,
    metadata: str = "",
    webhook: str = "",
    listeners: str = "",
    trace: str = "",
    batch: str = "",
) -> NewJob:
    """The job of a request under an id; what is not said is as its pool's limits have it.

    `kept_s` is how long its record outlives its end, whether it is to be stored or not.
    """
    body, is_stored = asked.body, asked.body.store is not False
    ttl_s = limits.result_ttl_s if is_stored else limits.unstored_ttl_s
    return NewJob(
        id=job_id,
        api=asked.api,
        body=asked.raw,
        request=asked.request,
        # Whether it is more than one run of text: by what is asked for, or because the model reasons first.
        is_engine_written=is_engine_written(
            body, calls_tools=limits.calls_tools, separates_reasoning=limits.separates_reasoning
        ),
        model=body.model,
        job_class=job_class,
        tenant=tenant,
        key=key,
        listeners=listeners,
        is_kept=is_kept,
        is_stored=is_stored,
        metadata=metadata,
        webhook=webhook,
        trace=trace,
        batch=batch,
        queue_timeout_ms=round((deadline_s or limits.queue_timeout_s) * 1000),
        run_timeout_ms=round(limits.run_timeout_s * 1000),
        result_ttl_ms=round((ttl_s if kept_s is None else kept_s) * 1000),
    )
