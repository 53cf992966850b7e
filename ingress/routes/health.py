"""`/health`: this process lives. `/ready`: a request sent now can be served, by some pool or by the one asked for."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from ingress.context import Context
from ingress.replies import json_response
from penstock.broker.client import Broker
from penstock.broker.records import PoolStatus, pool_status
from penstock.errors import BrokerUnavailableError, NotFoundError
from penstock.worker_state import WorkerState

#: Probes give up soon: better no for an answer than none.
_PATIENCE_S = 1.0
_UNAVAILABLE = 503

alive = APIRouter()
ready = APIRouter()


@alive.api_route("/health", methods=["GET", "HEAD"])
async def health(request: Request) -> Response:
    """Always 200: whoever can answer is alive."""
    return json_response(request, {"status": "alive"})


@ready.api_route("/ready", methods=["GET", "HEAD"])
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
    body = {"ready": is_ready, "redis": away, "pools": {name: _pool(pool) for name, pool in pools.items()}}
    return json_response(request, body, 200 if is_ready else _UNAVAILABLE)


async def _status(broker: Broker, pool: str) -> PoolStatus | str:
    """Who serves a pool, or why nobody knows."""
    try:
        async with asyncio.timeout(_PATIENCE_S):
            return await pool_status(broker, pool)
    except (TimeoutError, BrokerUnavailableError) as error:
        return str(error) or "no answer"


def _pool(pool: PoolStatus) -> dict[str, Any]:
    return {
        "serves": pool.serves,
        "failing": pool.failing,
        "troubles": pool.troubles,
        "leader": pool.is_led,
        "ready": len(pool.names(WorkerState.READY)),
        "starting": len(pool.names(WorkerState.STARTING)),
        "draining": len(pool.names(WorkerState.DRAINING)),
        "stalled": len(pool.names(WorkerState.STALLED)),
        "lost": len(pool.names(WorkerState.LOST)),
        "failed": [
            {"worker": worker.name, "why": worker.why, "failures": worker.failures}
            for worker in pool.workers
            if worker.state is WorkerState.FAILED or (worker.failures and worker.state is not WorkerState.READY)
        ],
    }
