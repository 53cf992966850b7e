"""Engine-written answers as a worker runs them, on an engine that writes them in a predictable way."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

import pytest

from penstock.frames import Generated, encode_generated
from penstock.job import State
from penstock.request import sampling
from tests.integration.broker.pool import Pool
from tests.integration.workers.workplace import QUICK, Ear, Hand, body, ended, tokens_of
from workers.engine.base import Finish, Generation, Output
from workers.engine.serving import ServingRequest
from workers.engine.simulated import SimulatedEngine

Hire = Callable[..., Hand]
RAW = body("tools", max_tokens=20, tools=[{"type": "function", "function": {"name": "f"}}])


class TokenChunks:
    """One chunk per token that names the token and its place."""

    def __init__(self, request: ServingRequest, generation: Generation) -> None:
        self.generation = generation
        self.prompt_tokens = len(generation.prompt)
        self.is_continued = bool(generation.done)
        self.finish: Finish | None = None
        self.finish_reason: str | None = None
        self.stop_reason: str | int | None = None
        self._id = request.response_id
        self._count = len(generation.done)

    def feed(self, output: Output) -> list[str]:
        pieces = [self._chunk(token) for token in output.tokens]
        if output.finish is not None:
            self.finish, self.finish_reason = output.finish, "tool_calls"
        return pieces

    async def response(self) -> bytes:
        return json.dumps({"id": self._id, "tokens": self._count}).encode()

    def _chunk(self, token: int) -> str:
        self._count += 1
        return f'{{"id":"{self._id}","n":{self._count},"token":{token}}}'


class ServingSimulatedEngine(SimulatedEngine):
    """Continues engine-written answers, or begins them anew."""

    def __init__(self, *, continues: bool) -> None:
        super().__init__(QUICK)
        self._continues = continues
        self.requests: list[ServingRequest] = []

    async def open_serving(self, request: ServingRequest) -> TokenChunks:
        self.requests.append(request)
        done: Sequence[int] = request.done if self._continues else ()
        prompt, chosen = request.prompts[0].ids, sampling(request.body)
        generation = Generation(id=request.id, prompt=prompt, sampling=chosen, done=done)
        return TokenChunks(request, generation)


def chunks(job: str, count: int) -> list[str]:
    tokens = tokens_of(RAW)[:count]
    return [f'{{"id":"chatcmpl-{job}","n":{n},"token":{token}}}' for n, token in enumerate(tokens, 1)]


async def test_an_engine_written_jobs_pieces_are_ready_chunks(hire: Hire, pool: Pool, ear: Ear) -> None:
    engine = ServingSimulatedEngine(continues=True)
    instance = await hire(engine=engine).ready(pool)
    held = await pool.assigned(instance, body=RAW, is_engine_written=True, listeners=ear.stream)
    end = await ear.end(held.job)
    assert ear.heard(held.job).pieces == chunks(held.job, 20)
    assert (end.state, end.finish_reason) == (State.COMPLETED, "tool_calls")
    job = await ended(pool, held.job)
    assert engine.requests[0].created == job.created_ms // 1000
    assert job.result is not None
    assert json.loads(job.result.response) == {"id": f"chatcmpl-{held.job}", "tokens": 20}


async def test_a_streamed_engine_written_job_has_a_whole_answer_too(hire: Hire, pool: Pool) -> None:
    instance = await hire(engine=ServingSimulatedEngine(continues=True)).ready(pool)
    raw = json.dumps({**json.loads(RAW), "stream": True}).encode()
    job = await ended(pool, (await pool.assigned(instance, body=raw, is_engine_written=True)).job)
    assert job.result is not None
    assert json.loads(job.result.response)["id"] == f"chatcmpl-{job.id}"


@pytest.mark.parametrize("continues", [True, False], ids=["continued", "anew"])
async def test_an_engine_written_job_goes_on_after_its_workers_loss(
    hire: Hire, pool: Pool, ear: Ear, *, continues: bool
) -> None:
    instance = await hire(engine=ServingSimulatedEngine(continues=continues)).ready(pool)
    job_id = await pool.queued(body=RAW, is_engine_written=True, listeners=ear.stream)
    prefix = Generated(tokens_of(RAW)[:7], chunks(job_id, 7))
    await pool.redis.hset(pool.keys.job(job_id), "prefix", encode_generated(prefix))
    await pool.assign(job_id, instance)
    await ear.end(job_id)
    assert prefix.pieces + [piece for delta in ear.of(job_id) for piece in delta.pieces] == chunks(job_id, 20)
    assert ear.of(job_id)[0].offset == 7
