"""A job that another worker began."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from penstock.broker import holding, observing
from penstock.frames import Generated, encode_generated, replay
from penstock.job import State
from penstock.text.sim_tokenizer import SimulatedTokenizer
from tests.integration.broker.pool import POOL, Pool
from tests.integration.workers.workplace import (
    QUICK,
    SLOW,
    Ear,
    Hand,
    body,
    ended,
    engine,
    prompt_and_sampling,
    text_of,
    tokens_of,
)
from workers.job.transcript import Transcript

Hire = Callable[..., Hand]


def begun(raw: bytes, count: int) -> Generated:
    """What a worker had generated when it was cut after some tokens."""
    prompt, sampling = prompt_and_sampling(raw)
    tokens = tokens_of(raw)[:count]
    return Generated(tokens, Transcript(SimulatedTokenizer(), sampling, prompt).feed(tokens))


def cuts_inside_a_character(raw: bytes) -> list[int]:
    """Numbers of tokens after which a character is incomplete."""
    pieces = begun(raw, 10_000).pieces
    return [count for count in range(1, len(pieces)) if not pieces[count - 1]]


async def continued(hire: Hire, pool: Pool, ear: Ear, raw: bytes, count: int) -> tuple[Generated, Generated]:
    """What the second worker sent, and what the record has in the end."""
    instance = await hire().ready(pool)
    prefix = begun(raw, count)
    held = await pool.assigned(instance, body=raw, listeners=ear.stream, prefix=encode_generated(prefix))
    await ear.end(held.job)
    assert ear.of(held.job)[0].offset == count, "what clients have is not sent again"
    generated = Generated([], [])
    for delta in ear.of(held.job):
        generated.tokens += delta.tokens
        generated.pieces += delta.pieces
    job = await ended(pool, held.job)
    assert job.result is not None
    assert job.result.end.completion_tokens == len(job.result.generated.tokens)
    return generated, job.result.generated


@pytest.mark.parametrize("count", [1, 17, 59])
async def test_a_continued_job_makes_the_text_of_an_uncut_one(hire: Hire, pool: Pool, ear: Ear, count: int) -> None:
    raw = body("Go on", max_tokens=60)
    sent, whole = await continued(hire, pool, ear, raw, count)
    assert "".join(begun(raw, count).pieces + sent.pieces) == text_of(raw)
    assert whole.tokens == tokens_of(raw)
    assert "".join(whole.pieces) == text_of(raw)


async def test_a_character_cut_between_two_workers_comes_out_whole(hire: Hire, pool: Pool, ear: Ear) -> None:
    raw = body("emoji", max_tokens=100)
    count = cuts_inside_a_character(raw)[0]
    sent, _ = await continued(hire, pool, ear, raw, count)
    text = "".join(begun(raw, count).pieces + sent.pieces)
    assert text == text_of(raw)
    assert "\ufffd" not in text


async def test_a_stop_string_across_the_cut_is_found_and_never_shown(hire: Hire, pool: Pool, ear: Ear) -> None:
    plain = begun(body("stop", max_tokens=100), 20).pieces
    stop = "".join(plain[9:11])
    raw = body("stop", max_tokens=100, stop=[stop])
    sent, whole = await continued(hire, pool, ear, raw, 10)
    text = "".join(begun(raw, 10).pieces + sent.pieces)
    assert text == text_of(raw)
    assert stop not in text
    assert len(whole.tokens) == 11


@pytest.mark.parametrize("options", [{"max_tokens": 30}, {}, {"max_tokens": 90, "stop": ["."]}])
async def test_a_job_with_nothing_left_to_generate_ends_at_once(
    hire: Hire, pool: Pool, ear: Ear, options: dict[str, int]
) -> None:
    raw = body("all of it", **options)
    whole = begun(raw, 10_000)
    instance = await hire(engine=engine(SLOW)).ready(pool)
    held = await pool.assigned(instance, body=raw, listeners=ear.stream, prefix=encode_generated(whole))
    end = await ear.end(held.job)
    assert end.state == State.COMPLETED
    assert end.finish_reason == ("stop" if "stop" in options or not options else "length")
    job = await ended(pool, held.job)
    assert job.result is not None
    assert "".join(job.result.generated.pieces) == text_of(raw, QUICK)


async def test_two_workers_make_one_text_when_the_first_drains(hire: Hire, pool: Pool, ear: Ear) -> None:
    first = hire(engine=engine(SLOW), name="first", drain_grace_s=0.1)
    second = hire(engine=engine(SLOW), name="second")
    raw = body("Hand me on", max_tokens=60)
    held = await pool.assigned(await first.ready(pool), body=raw, listeners=ear.stream)
    await ear.tokens(held.job, 5)
    await first.drain()
    job = await pool.read(held.job)
    assert (job.state, job.losses) == (State.QUEUED, 0)
    assert 5 <= len(job.prefix.tokens) < 60
    await pool.assign(held.job, await second.ready(pool))
    await ear.end(held.job)
    assert "".join(ear.heard(held.job).pieces) == text_of(raw)
    assert {delta.fence for delta in ear.of(held.job)} == {1, 2}


async def test_a_long_job_is_checkpointed_and_its_journal_trimmed(
    hire: Hire, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.emitter.CHECKPOINT_STEPS", 50)
    instance = await hire().ready(pool)
    held = await pool.assigned(instance, body=body(max_tokens=2000))
    longest = 0
    while (job := await pool.read(held.job)).state is not State.COMPLETED:
        entries = await pool.redis.xrange(pool.keys.journal(instance))
        longest = max(longest, len(entries))
    assert job.result is not None
    assert len(job.result.generated.tokens) == 2000
    assert longest < 500


async def test_the_journal_and_the_record_hold_everything_that_was_sent(hire: Hire, pool: Pool, ear: Ear) -> None:
    """What recovery rests on: prefix and journal together, at any moment, reach as far as any client."""
    instance = await hire().ready(pool)
    raw = body(max_tokens=300)
    held = await pool.assigned(instance, body=raw, listeners=ear.stream)
    while (job := await pool.read(held.job)).state is not State.COMPLETED:
        seen = len(ear.heard(held.job).tokens)
        generated = Generated(list(job.prefix.tokens), list(job.prefix.pieces))
        for _, frames in await pool.broker.ask(observing.journal(POOL, instance, 1000)):
            replay({(held.job, held.fence): generated}, frames)
        if await pool.state(held.job) is State.RUNNING:
            assert len(generated.tokens) >= seen


async def test_a_job_that_cannot_go_on_starts_anew_without_repeating_a_word(
    hire: Hire, pool: Pool, ear: Ear, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("penstock.request.Sampling.continuable", False)
    raw = body("anew", max_tokens=40)
    sent, whole = await continued(hire, pool, ear, raw, 15)
    assert "".join(begun(raw, 15).pieces + sent.pieces) == text_of(raw)
    assert whole.tokens == tokens_of(raw)


async def test_a_second_run_that_says_something_else_is_an_error_and_not_a_mixture(
    hire: Hire, pool: Pool, ear: Ear, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("penstock.request.Sampling.continuable", False)
    instance = await hire().ready(pool)
    prefix = encode_generated(Generated([1, 2], ["Some", "thing else"]))
    held = await pool.assigned(instance, body=body(max_tokens=20), listeners=ear.stream, prefix=prefix)
    end = await ear.end(held.job)
    assert end.failure is not None
    assert end.failure.error == "WorkerLostError"
    assert not any(delta.tokens for delta in ear.of(held.job))


async def test_what_a_lost_worker_held_is_no_longer_its_to_finish(hire: Hire, pool: Pool) -> None:
    instance = await hire(engine=engine(SLOW)).ready(pool)
    held = await pool.assigned(instance)
    await pool.lose(instance)
    call = holding.hand_back(POOL, instance, held, Generated([], []), queue_timeout_ms=1000)
    assert await pool.broker.run(call) == "fenced"
