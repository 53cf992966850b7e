"""`/health`: this process lives. `/ready`: a request sent now can be served, by some pool or by the one asked for."""

from __future__ import annotations

import asyncio
from typing import Annotated, Literal

from fastapi import APIRouter
from msgspec import Meta, Struct
from starlette.requests import Request
from starlette.responses import Response

from ingress.http.replies import json_response
from ingress.intake.context import Context
from ingress.openapi.errors import QUEUE
from ingress.openapi.operation import Example, Media, Operation, Reply, Tag, described
from ingress.openapi.parameters import POOL
from penstock.broker.client import Broker
from penstock.broker.records import PoolStatus, pool_status
from penstock.errors import BrokerUnavailableError, NotFoundError
from penstock.worker_state import WorkerState

#: Probes give up soon: better no for an answer than none.
_PATIENCE_S = 1.0
_UNAVAILABLE = 503

alive = APIRouter()
ready = APIRouter()

_Count = Annotated[int, Meta(ge=0)]


class Alive(Struct, kw_only=True):
    """This process answers."""

    status: Literal["alive"]


class FailedWorker(Struct, kw_only=True):
    """A worker whose engine did not start, or died."""

    worker: str
    why: str
    failures: Annotated[int, Meta(ge=0, description="How often in a row.")]


class PoolReadiness(Struct, kw_only=True):
    """Who serves one pool; workers are counted by their state."""

    serves: Annotated[bool, Meta(description="Whether a request sent now would be run.")]
    failing: Annotated[str, Meta(description="Why none of its workers comes up; empty where that is not so.")]
    troubles: Annotated[tuple[str, ...], Meta(description="Keys in Redis that hold something else than they should.")]
    leader: bool
    ready: _Count
    starting: _Count
    draining: _Count
    stalled: _Count
    lost: _Count
    failed: list[FailedWorker]


class Readiness(Struct, kw_only=True):
    """Whether a request sent now can be served, and by whom."""

    ready: Annotated[bool, Meta(description="Whether any of these pools serves.")]
    redis: Annotated[str, Meta(description="`ok`, or why it does not answer.")]
    pools: Annotated[dict[str, PoolReadiness], Meta(description="Those that can be told of.")]


_POOL = PoolReadiness(
    serves=True, failing="", troubles=(), leader=True, ready=1, starting=0, draining=0, stalled=0, lost=0, failed=[]
)
_READY = Readiness(ready=True, redis="ok", pools={"demo": _POOL})
_NOT_READY = Readiness(ready=False, redis="no answer", pools={})


@alive.api_route("/health", methods=["GET", "HEAD"])
@described(
    Operation(
        id="checkHealth",
        tag=Tag.SERVICE,
        summary="Is this process alive?",
        needs_key=False,
        replies=(
            Reply(
                description="It is.",
                media=(Media(schema=Alive, examples={"alive": Example("Alive", Alive(status="alive"))}),),
            ),
        ),
    )
)
async def health(request: Request) -> Response:
    """Always 200: whoever can answer is alive."""
    return json_response(request, Alive(status="alive"))


@ready.api_route("/ready", methods=["GET", "HEAD"])
@described(
    Operation(
        id="checkReadiness",
        tag=Tag.SERVICE,
        summary="Can a request be served?",
        needs_key=False,
        parameters=(POOL,),
        replies=(
            Reply(
                description="A pool serves: it has a leader and a ready worker.",
                media=(Media(schema=Readiness, examples={"ready": Example("Ready", _READY)}),),
            ),
            Reply(
                status=_UNAVAILABLE,
                description="No pool serves.",
                media=(Media(schema=Readiness, examples={"not ready": Example("Redis is away", _NOT_READY)}),),
            ),
        ),
        errors=(NotFoundError, *QUEUE),
    )
)
async def readiness(request: Request) -> Response:
    """200 where a pool serves: it has a leader and a ready worker; else 503. The body tells each pool apart.

    `?pool=NAME` asks for one pool alone.
    """
    context = Context.of(request)
    asked = request.query_params.get("pool")
    if asked is not None and asked not in context.settings.pools:
        raise NotFoundError(f"There is no pool {asked[:100]!r}.", param="pool")
    names = context.settings.pools if asked is None else (asked,)
    # In a cluster one pool's node may be away, and others are not.
    answers = await asyncio.gather(*(_status(context.broker, name) for name in names))
    pools = {name: answer for name, answer in zip(names, answers, strict=True) if isinstance(answer, PoolStatus)}
    away = next((answer for answer in answers if isinstance(answer, str)), "ok")
    is_ready = any(pool.serves for pool in pools.values())
    body = Readiness(ready=is_ready, redis=away, pools={name: _pool(pool) for name, pool in pools.items()})
    return json_response(request, body, 200 if is_ready else _UNAVAILABLE)


async def _status(broker: Broker, pool: str) -> PoolStatus | str:
    """Who serves a pool, or why nobody knows."""
    try:
        async with asyncio.timeout(_PATIENCE_S):
            return await pool_status(broker, pool)
    except (TimeoutError, BrokerUnavailableError) as error:
        return str(error) or "no answer"


def _pool(pool: PoolStatus) -> PoolReadiness:
    return PoolReadiness(
        serves=pool.serves,
        failing=pool.failing,
        troubles=pool.troubles,
        leader=pool.is_led,
        ready=len(pool.names(WorkerState.READY)),
        starting=len(pool.names(WorkerState.STARTING)),
        draining=len(pool.names(WorkerState.DRAINING)),
        stalled=len(pool.names(WorkerState.STALLED)),
        lost=len(pool.names(WorkerState.LOST)),
        failed=[
            FailedWorker(worker=worker.name, why=worker.why, failures=worker.failures)
            for worker in pool.workers
            if worker.state is WorkerState.FAILED or (worker.failures and worker.state is not WorkerState.READY)
        ],
    )
