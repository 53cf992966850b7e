"""From a claimed job to what the engine is asked for, and where it goes on from."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from msgspec import Struct

from penstock import request
from penstock.errors import InvalidRequestError
from penstock.job_class import JobClass
from penstock.request import Api, ChatBody
from workers.engine.base import Finish, Generation
from workers.engine.serving import Prompt, ServingEngine, ServingRequest
from workers.job.answer import Answer, EngineAnswer, PlainAnswer
from workers.job.retrace import Retrace
from workers.job.run import NO_TOKEN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from penstock.broker.holding import Claimed
    from penstock.request import CompletionBody, Sampling
    from penstock.text.tokenizer import Tokenizer
    from workers.engine.base import Engine

    Body = ChatBody | CompletionBody

#: Longer prompts are encoded in a thread, for they would hold up every stream of their worker.
_LONG_BODY_BYTES = 16 << 10
#: What a body that asks for a form of its answer has in it: a field's name, or an escaped letter that may be of one.
_FORMS = (b"response_format", b"structured_outputs", rb"\u00")
_PRIORITIES = {JobClass.INTERACTIVE: 0, JobClass.STANDARD: 1, JobClass.BATCH: 2}
_RESPONSE_PREFIXES = {Api.CHAT: "chatcmpl", Api.COMPLETION: "cmpl"}


class Plan(Struct, frozen=True, kw_only=True):
    """A generation, and the answer that is made of it."""

    generation: Generation
    answer: Answer
    prompt_tokens: int
    #: Set where the generation begins anew although clients may have seen some of it.
    retrace: Retrace | None
    #: Set where former workers left nothing to generate.
    finish: Finish | None = None


def is_quick(claimed: Claimed) -> bool:
    """Whether planning takes no time to speak of; a grammar takes some."""
    is_short = len(claimed.body) <= _LONG_BODY_BYTES
    return is_short and not claimed.is_engine_written and not any(name in claimed.body for name in _FORMS)


async def plan(claimed: Claimed, id_: str, engine: Engine, trace: dict[str, str]) -> Plan:
    """Encode the prompt and replay what former workers generated. Raises InvalidRequestError."""
    is_short = len(claimed.body) <= _LONG_BODY_BYTES
    if not claimed.is_engine_written:
        make = (claimed, id_, engine, trace)
        planned = _plain(*make) if is_short else await asyncio.to_thread(_plain, *make)
        if planned.generation.sampling.constraint is not None:
            await engine.check(planned.generation.sampling)
        return planned
    if is_short:
        body, found = _read(claimed, engine)
    else:
        body, found = await asyncio.to_thread(_read, claimed, engine)
    return await _by_serving_classes(claimed, body, id_, engine, found)


def _read(claimed: Claimed, engine: Engine) -> tuple[Body, list[Prompt]]:
    body = request.read(claimed.api, claimed.body)
    return body, prompts(body, engine)


def prompts(body: Body, engine: Engine) -> list[Prompt]:
    """What the model is to continue, the same for plain answers and engine-written ones. Raises InvalidRequestError."""
    if isinstance(body, ChatBody):
        conversation = request.conversation(body)
        text = engine.tokenizer.render(conversation)
        ids = _encoded(text, body, engine, special=conversation.add_special_tokens)
        found = [Prompt(request.truncated(ids, body, engine.context_tokens))]
    else:
        found = [_continued(given, body, engine) for given in request.prompts(body)]
    request.check_vocabulary(body, [prompt.ids for prompt in found], engine.vocabulary_tokens)
    return found


def _plain(claimed: Claimed, id_: str, engine: Engine, trace: dict[str, str]) -> Plan:
    tokenizer = engine.tokenizer
    body, (first, *_) = _read(claimed, engine)
    prompt = first.ids
    sampling = request.fitted(request.sampling(body), body, len(prompt), engine.context_tokens)
    answer = PlainAnswer(tokenizer, sampling, prompt)
    done = claimed.prefix.tokens if sampling.continuable else []
    answer.replay([token for token in done if token != NO_TOKEN])
    generation = Generation(
        id=id_,
        prompt=prompt,
        done=done,
        sampling=sampling,
        priority=_PRIORITIES[claimed.job_class],
        trace=trace,
    )
    return Plan(
        generation=generation,
        answer=answer,
        prompt_tokens=len(prompt),
        retrace=None if sampling.continuable else _retrace(claimed),
        finish=answer.finish or _finish_of(done, sampling, tokenizer),
    )


async def _by_serving_classes(claimed: Claimed, body: Body, id_: str, engine: Engine, found: Sequence[Prompt]) -> Plan:
    if not isinstance(engine, ServingEngine):
        raise InvalidRequestError("This model's engine gives one choice of plain text only, without tools or logprobs.")
    sampling = request.sampling(body)
    for prompt in found:
        request.fitted(sampling, body, len(prompt.ids), engine.context_tokens)
    transcript = await engine.open_serving(
        ServingRequest(
            id=id_,
            body=body,
            prompts=found,
            response_id=f"{_RESPONSE_PREFIXES[claimed.api]}-{claimed.held.job}",
            created=claimed.created_ms // 1000,
            service_tier=claimed.job_class.service_tier if body.service_tier else None,
            done=claimed.prefix.tokens,
            priority=_PRIORITIES[claimed.job_class],
        )
    )
    return Plan(
        generation=transcript.generation,
        answer=EngineAnswer(transcript),
        prompt_tokens=transcript.prompt_tokens,
        retrace=None if transcript.is_continued else _retrace(claimed, separator="\n"),
    )


def _retrace(claimed: Claimed, separator: str = "") -> Retrace | None:
    return Retrace(claimed.prefix, separator=separator) if claimed.prefix.tokens else None


def _encoded(text: str, body: Body, engine: Engine, *, special: bool) -> list[int]:
    # That of a vocabulary takes time to find, and a short text does not ask for it.
    if len(text) > engine.context_tokens:
        request.check_length(text, body, engine.tokenizer.longest_token, engine.context_tokens)
    return engine.tokenizer.encode(text, special=special)


def _continued(given: str | list[int], body: CompletionBody, engine: Engine) -> Prompt:
    tokenizer = engine.tokenizer
    if isinstance(given, str):
        text = _encoded(given, body, engine, special=body.add_special_tokens)
        if body.truncate_prompt_tokens is None:
            return Prompt(text, given)
        begin = tokenizer.encode("", special=body.add_special_tokens)
        return Prompt(request.truncated(text, body, engine.context_tokens, begin), given)
    ids = request.truncated(given, body, engine.context_tokens)
    # What `echo` would show of it.
    return Prompt(ids, tokenizer.decode(ids, skip_special=False) if body.echo else None)


def _finish_of(done: Sequence[int], sampling: Sampling, tokenizer: Tokenizer) -> Finish | None:
    """How a generation ended whose result was lost together with Redis, if its tokens say that it did."""
    if not done:
        return None
    last = done[-1]
    if last in sampling.stop_token_ids or last == NO_TOKEN or (last in tokenizer.eos_ids and not sampling.ignore_eos):
        return Finish.STOP
    if sampling.max_tokens is not None and len(done) >= sampling.max_tokens:
        return Finish.LENGTH
    return None
