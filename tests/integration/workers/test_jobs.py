"""A job's way through one worker."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from penstock.errors import ContextLengthError
from penstock.job import State
from penstock.request import Api
from tests.eventual import until
from tests.integration.broker.pool import Pool
from tests.integration.workers.workplace import Ear, Hand, body, ended, text_of, tokens_of

Hire = Callable[..., Hand]


async def test_tokens_arrive_once_and_in_order_and_make_the_engines_text(hire: Hire, pool: Pool, ear: Ear) -> None:
    instance = await hire().ready(pool)
    raw = body("Tell me a story", max_tokens=120)
    held = await pool.assigned(instance, body=raw, listeners=ear.stream)
    end = await ear.end(held.job)
    heard = ear.heard(held.job)
    assert heard.tokens == tokens_of(raw)
    assert "".join(heard.pieces) == text_of(raw)
    assert end.finish_reason == "length"
    offsets = [delta.offset for delta in ear.of(held.job)]
    assert offsets == sorted(set(offsets)), "a delta came twice"


async def test_a_finished_job_has_result_and_usage_and_leaves_the_inbox(hire: Hire, pool: Pool) -> None:
    instance = await hire().ready(pool)
    raw = body(max_tokens=7)
    held = await pool.assigned(instance, body=raw)
    job = await ended(pool, held.job)
    assert job.state is State.COMPLETED
    assert job.result is not None
    assert job.result.generated.tokens == tokens_of(raw)
    assert job.result.end.completion_tokens == 7
    assert job.result.end.prompt_tokens > 0
    assert job.created_ms <= job.started_ms <= job.first_token_ms <= job.finished_ms
    assert await pool.inbox(instance) == []


async def test_a_worker_without_jobs_keeps_none_of_their_tokens(hire: Hire, pool: Pool) -> None:
    instance = await hire().ready(pool)
    for raw in (body(max_tokens=30), body("and again", max_tokens=30)):
        held = await pool.assigned(instance, body=raw)
        await until(lambda: _has_journal(pool, instance, is_empty=False))
        await ended(pool, held.job)
        await until(lambda: _has_journal(pool, instance, is_empty=True))


async def _has_journal(pool: Pool, instance: str, *, is_empty: bool) -> bool:
    return (await pool.redis.xlen(pool.keys.journal(instance)) == 0) is is_empty


async def test_many_jobs_at_once_share_frames_and_keep_their_own_text(hire: Hire, pool: Pool, ear: Ear) -> None:
    instance = await hire().ready(pool)
    bodies = [body(f"question {number}", max_tokens=40) for number in range(30)]
    jobs = [(await pool.assigned(instance, body=raw, listeners=ear.stream)).job for raw in bodies]
    for job, raw in zip(jobs, bodies, strict=True):
        await ear.end(job)
        assert "".join(ear.heard(job).pieces) == text_of(raw)


async def test_who_waits_for_the_end_only_gets_everything_with_it(hire: Hire, pool: Pool, ear: Ear) -> None:
    instance = await hire().ready(pool)
    raw = body(max_tokens=20)
    held = await pool.assigned(instance, body=raw, listeners=ear.final)
    await ear.end(held.job)
    (delta,) = ear.of(held.job)
    assert (delta.offset, delta.tokens) == (0, tokens_of(raw))
    assert "".join(delta.pieces) == text_of(raw)


async def test_a_stop_string_ends_the_job_and_the_engines_work(hire: Hire, pool: Pool, ear: Ear) -> None:
    hand = hire()
    instance = await hand.ready(pool)
    whole = text_of(body(max_tokens=100))
    stop = whole[30:36]
    raw = body(max_tokens=100, stop=[stop])
    held = await pool.assigned(instance, body=raw, listeners=ear.stream)
    end = await ear.end(held.job)
    assert "".join(ear.heard(held.job).pieces) == whole[: whole.index(stop)]
    assert (end.finish_reason, end.stop_reason) == ("stop", stop)
    job = await ended(pool, held.job)
    assert job.result is not None
    assert end.completion_tokens == len(job.result.generated.tokens) < 100


async def test_a_prompt_beyond_the_context_fails_with_the_limit_in_words(hire: Hire, pool: Pool, ear: Ear) -> None:
    instance = await hire().ready(pool)
    held = await pool.assigned(instance, body=body("word " * 20_000), listeners=ear.stream)
    end = await ear.end(held.job)
    assert end.state == State.FAILED
    assert end.failure is not None
    assert end.failure.error == ContextLengthError.__name__
    assert "8192" in end.failure.message


@pytest.mark.parametrize(
    ("raw", "error", "param"),
    [
        (b"{", "InvalidRequestError", None),
        (body(temperature=-1), "InvalidRequestError", "temperature"),
        (body(chat_template_kwargs={"messages": []}), "InvalidRequestError", "chat_template_kwargs"),
        (body("#sim:error_at=3"), "EngineFailedError", None),
    ],
)
async def test_a_job_that_cannot_be_done_fails_with_its_reason(
    hire: Hire, pool: Pool, ear: Ear, raw: bytes, error: str, param: str | None
) -> None:
    instance = await hire().ready(pool)
    held = await pool.assigned(instance, body=raw, listeners=ear.stream)
    end = await ear.end(held.job)
    assert end.state == State.FAILED
    assert end.failure is not None
    assert (end.failure.error, end.failure.param) == (error, param)
    assert await pool.inbox(instance) == []


async def test_an_engine_without_engine_written_answers_refuses_an_engine_written_job(
    hire: Hire, pool: Pool, ear: Ear
) -> None:
    instance = await hire().ready(pool)
    held = await pool.assigned(instance, body=body(n=2), is_engine_written=True, listeners=ear.stream)
    end = await ear.end(held.job)
    assert end.failure is not None
    assert (end.state, end.failure.error) == (State.FAILED, "InvalidRequestError")
    assert "plain text" in end.failure.message


async def test_a_completion_takes_token_ids_and_text(hire: Hire, pool: Pool) -> None:
    instance = await hire().ready(pool)
    for prompt in (b'"once"', b"[300, 301, 302]"):
        raw = b'{"model": "sim", "prompt": ' + prompt + b', "max_tokens": 5}'
        held = await pool.assigned(instance, api=Api.COMPLETION, body=raw)
        job = await ended(pool, held.job)
        assert job.result is not None
        assert job.result.end.completion_tokens == 5


async def test_an_entry_whose_job_went_on_elsewhere_does_not_hold_a_slot(hire: Hire, pool: Pool) -> None:
    instance = await hire().ready(pool)
    job_id = await pool.queued()
    await pool.redis.xadd(pool.keys.inbox(instance), {"j": job_id, "f": 7})
    held = await pool.assigned(instance, body=body(max_tokens=1))
    await ended(pool, held.job)
    assert await pool.inbox(instance) == []
    assert await pool.state(job_id) is State.QUEUED
