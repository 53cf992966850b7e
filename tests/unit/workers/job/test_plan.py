"""What the engine is asked for."""

from __future__ import annotations

import json
from typing import Any

import pytest

from penstock.errors import ContextLengthError, InvalidRequestError
from penstock.frames import Generated
from penstock.job_class import JobClass
from penstock.request import Api
from penstock.text.chat.conversation import Conversation
from penstock.text.sim_tokenizer import EOS_ID, WORD_IDS, SimulatedTokenizer
from tests.unit.workers.runs import claimed
from workers.engine.base import Finish
from workers.engine.simulated import SimulatedEngine, SimulatedSettings
from workers.job.plan import Plan, is_quick, plan
from workers.job.run import NO_TOKEN

ENGINE = SimulatedEngine(SimulatedSettings())
WORDS = list(WORD_IDS[:5])


def chat(**options: Any) -> bytes:
    return json.dumps({"model": "sim", "messages": [{"role": "user", "content": "Hi"}], **options}).encode()


async def planned(raw: bytes, api: Api = Api.CHAT, **changes: Any) -> Plan:
    job = claimed(api=api, body=raw, **changes)
    return await plan(job, "generation", ENGINE, {"traceparent": "00-1"})


async def test_a_chat_is_rendered_and_carries_trace_and_priority() -> None:
    result = await planned(chat(max_tokens=3), job_class=JobClass.BATCH)
    greeting = Conversation(messages=[{"role": "user", "content": "Hi"}])
    assert result.generation.prompt == SimulatedTokenizer().chat(greeting)
    assert result.generation.trace == {"traceparent": "00-1"}
    assert result.generation.priority > (await planned(chat())).generation.priority
    assert result.prompt_tokens == len(result.generation.prompt)


async def test_what_former_workers_generated_is_replayed_and_handed_to_the_engine() -> None:
    result = await planned(chat(), prefix=Generated(WORDS, ["x"] * 5))
    assert result.generation.done == WORDS
    assert result.retrace is None
    assert result.finish is None


@pytest.mark.parametrize(
    ("tokens", "options", "finish"),
    [
        ([*WORDS, EOS_ID], {}, Finish.STOP),
        ([*WORDS, EOS_ID], {"ignore_eos": True}, None),
        (WORDS, {"max_tokens": 5}, Finish.LENGTH),
        (WORDS, {"stop_token_ids": [WORDS[-1]]}, Finish.STOP),
        ([*WORDS, NO_TOKEN], {}, Finish.STOP),
        (WORDS, {"stop": [SimulatedTokenizer().decode(WORDS[3:])]}, Finish.STOP),
        (WORDS, {}, None),
    ],
)
async def test_a_complete_prefix_is_recognised(
    tokens: list[int], options: dict[str, Any], finish: Finish | None
) -> None:
    result = await planned(chat(**options), prefix=Generated(tokens, [""] * len(tokens)))
    assert result.finish is finish


async def test_a_grammar_begins_anew_against_what_was_seen() -> None:
    result = await planned(chat(response_format={"type": "json_object"}), prefix=Generated(WORDS, ["x"] * 5))
    assert result.generation.done == []
    assert result.retrace is not None


async def test_an_engine_without_engine_written_answers_says_so() -> None:
    with pytest.raises(InvalidRequestError, match="plain text"):
        await planned(chat(n=2), is_engine_written=True)


async def test_a_long_prompt_is_planned_off_the_event_loop() -> None:
    raw = json.dumps({"model": "sim", "prompt": SimulatedTokenizer().decode(WORDS) * 1000}).encode()
    assert not is_quick(claimed(body=raw))
    assert (await planned(raw, Api.COMPLETION)).prompt_tokens == 5000


@pytest.mark.parametrize(
    ("api", "fields"),
    [
        (Api.COMPLETION, {"prompt": "gate " * 20_000}),
        (Api.COMPLETION, {"prompt": ["Hi", "gate " * 20_000]}),
        (Api.CHAT, {"messages": [{"role": "user", "content": "gate " * 20_000}]}),
    ],
)
async def test_what_cannot_fit_is_refused_before_it_is_encoded(
    api: Api, fields: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    encode = SimulatedTokenizer.encode

    def of_what_may_fit(self: SimulatedTokenizer, text: str, *, special: bool = True) -> list[int]:
        assert len(text) <= 5 * ENGINE.context_tokens
        return encode(self, text, special=special)

    monkeypatch.setattr(SimulatedTokenizer, "encode", of_what_may_fit)
    with pytest.raises(ContextLengthError, match="shorten it") as error:
        await planned(json.dumps({"model": "sim", **fields}).encode(), api)
    assert error.value.param == ("messages" if api is Api.CHAT else "prompt")


async def test_what_is_cut_may_be_of_any_length() -> None:
    raw = json.dumps({"model": "sim", "prompt": "gate " * 20_000, "truncate_prompt_tokens": 5}).encode()
    assert (await planned(raw, Api.COMPLETION)).prompt_tokens == 5
