"""The judge sees what it must see, and nothing else."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.differential.allowed import Entry, sort
from tests.differential.asking import Answer, Asked, Way, requests
from tests.differential.cases import Api, Case, load
from tests.differential.judge import FOREIGN, Difference, judge

BODY = {"model": "demo", "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 2, "temperature": 0}
CASE = Case("a case", Api.CHAT, BODY)


def whole(content: str = "Hi", **changes: Any) -> Answer:
    choice = {"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": "stop", **changes}
    usage = {"prompt_tokens": 4, "completion_tokens": 2, "total_tokens": 6}
    body = {"object": "chat.completion", "model": "demo", "choices": [choice], "usage": usage}
    return Answer(200, json.dumps(body), "application/json")


def streamed(*chunks: dict[str, Any], done: bool = True) -> Answer:
    data = [json.dumps(chunk) for chunk in chunks] + ["[DONE]"] * done
    return Answer(200, "".join(f"data: {one}\n\n" for one in data), "text/event-stream")


def chunk(delta: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": delta}], **changes}


def refused(status: int = 400, message: str = "No.", **changes: Any) -> Answer:
    error = {"message": message, "type": "invalid_request_error", "param": None, "code": None, **changes}
    return Answer(status, json.dumps({"error": error}), "application/json")


def found(penstock: dict[Way, Answer], vllm: dict[Way, Answer], case: Case = CASE) -> dict[tuple[Way, str], Any]:
    return {(one.way, one.fact): (one.got, one.right) for one in judge(case, Asked(penstock, vllm))}


def test_equal_answers_do_not_differ() -> None:
    assert not found({Way.WHOLE: whole()}, {Way.WHOLE: whole()})


def test_what_a_choice_says_must_be_what_vllm_says() -> None:
    assert found({Way.WHOLE: whole("Hi")}, {Way.WHOLE: whole("Bye", finish_reason="length")}) == {
        (Way.WHOLE, "choice.0.content"): ("Hi", "Bye"),
        (Way.WHOLE, "choice.0.finish_reason"): ("stop", "length"),
    }


def test_another_status_is_the_only_difference() -> None:
    assert found({Way.WHOLE: whole()}, {Way.WHOLE: refused()}) == {(Way.WHOLE, "status"): (200, 400)}


def test_no_answer_is_a_difference() -> None:
    assert found({Way.WHOLE: Answer(0, "")}, {Way.WHOLE: whole()}) == {(Way.WHOLE, "status"): (0, 200)}


def test_an_engine_written_answer_must_say_what_the_plain_one_says() -> None:
    logprobs = {"content": [{"token": "Hi", "logprob": -0.1}]}
    same = {Way.WHOLE: whole(), Way.ENGINE_WRITTEN: whole(logprobs=logprobs)}
    assert not found(same, {Way.WHOLE: whole()})
    other = {Way.WHOLE: whole(), Way.ENGINE_WRITTEN: whole("Bye", logprobs=logprobs)}
    assert found(other, {Way.WHOLE: whole()}) == {(Way.ENGINE_WRITTEN, "choice.0.content"): ("Bye", "Hi")}


def test_a_stream_is_put_together_and_its_shape_compared() -> None:
    one = streamed(chunk({"role": "assistant", "content": ""}), chunk({"content": "Hi"}), chunk({"content": " you"}))
    cut_elsewhere = streamed(chunk({"role": "assistant", "content": ""}), chunk({"content": "Hi you"}))
    assert not found({Way.STREAMED: one}, {Way.STREAMED: cut_elsewhere})
    unfinished = streamed(chunk({"role": "assistant", "content": "Hi you"}), done=False)
    assert found({Way.STREAMED: unfinished}, {Way.STREAMED: one}) == {
        (Way.STREAMED, "stream.done"): (False, True),
        (Way.STREAMED, "stream.0.opens_with_role"): (False, True),
    }


def test_every_chunk_says_usage_where_it_was_asked_for() -> None:
    case = Case("usage", Api.CHAT, {**BODY, "stream_options": {"include_usage": True}})
    silent = streamed(chunk({"role": "assistant", "content": "Hi"}))
    null = streamed(chunk({"role": "assistant", "content": "Hi"}, usage=None))
    assert not found({Way.STREAMED: null}, {Way.STREAMED: silent}, case)
    assert (Way.STREAMED, "stream.usage_elsewhere") in found({Way.STREAMED: silent}, {Way.STREAMED: silent}, case)


@pytest.mark.parametrize(
    ("error", "wanted"),
    [
        ({"type": "BadRequestError", "code": 400, "param": "body.max_tokens"}, {"param": "max_tokens"}),
        ({"type": "BadRequestError", "code": 400, "param": None}, {"param": "messages[0]"}),
        (
            {"code": 400, "param": "input_tokens", "message": "This model's maximum context length is 8 tokens."},
            {"param": "messages", "code": "context_length_exceeded"},
        ),
    ],
)
def test_vllms_errors_are_put_into_openais_words(error: dict[str, Any], wanted: dict[str, Any]) -> None:
    assert not found({Way.WHOLE: refused(**wanted)}, {Way.WHOLE: refused(**error)})
    assert (Way.WHOLE, "error.param") in found({Way.WHOLE: refused(param="top_p")}, {Way.WHOLE: refused(**error)})


def test_what_is_refused_in_vllms_stream_is_to_be_refused_before_it() -> None:
    late = streamed(chunk({"role": "assistant", "content": ""}), {"error": {"message": "No.", "code": 400}})
    assert not found({Way.STREAMED: refused()}, {Way.STREAMED: late})
    assert found({Way.STREAMED: late}, {Way.STREAMED: late}) == {(Way.STREAMED, "status"): ("200, then an error", 400)}


def test_what_vllm_falls_over_is_to_be_refused() -> None:
    assert not found({Way.WHOLE: refused()}, {Way.WHOLE: refused(500)})
    assert found({Way.WHOLE: refused(500)}, {Way.WHOLE: refused(500)}) == {(Way.WHOLE, "status"): (500, 400)}


def test_a_model_that_nobody_serves_has_its_code() -> None:
    wanted = refused(404, param="model", code="model_not_found")
    assert not found({Way.WHOLE: wanted}, {Way.WHOLE: refused(404, type="NotFoundError", param="model", code=404)})


def test_where_chance_decides_texts_are_not_compared_and_prompts_are() -> None:
    case = Case("sampled", Api.CHAT, {**BODY, "temperature": 1})
    assert not found({Way.WHOLE: whole("Hi")}, {Way.WHOLE: whole("Bye")}, case)


def test_a_job_read_again_must_be_what_was_answered() -> None:
    kept = Answer(200, json.dumps({"result": json.loads(whole("Bye").text), "error": None}), "application/json")
    assert found({Way.WHOLE: whole(), Way.JOB: kept}, {Way.WHOLE: whole()}) == {
        (Way.JOB, "choice.0.content"): ("Bye", "Hi")
    }


@pytest.mark.parametrize(
    ("message", "what"),
    [
        ('"auto" tool choice requires --enable-auto-tool-choice', "a flag of another program"),
        ("vLLM reported an internal error", "a library's name"),
        ("/srv/models/demo is not a multimodal model", "a file's path"),
        ("jinja2.environment.Template.render() got many values", "a class path"),
        ("one\ntwo", "a line break"),
        ("see https://errors.pydantic.dev", "a website's address"),
    ],
)
def test_an_error_in_another_programs_words_is_seen(message: str, what: str) -> None:
    assert FOREIGN[what].search(message)


@pytest.mark.parametrize(
    "message",
    [
        "POST /v1/chat/completions takes `messages`; `max_tokens` must be 1 or more, not -1.",
        "This model's maximum context length is 2048 tokens; the prompt alone has 2104.",
        "The demo model knows the roles system, user and assistant, not wizard.",
    ],
)
def test_an_error_in_plain_words_is_not(message: str) -> None:
    assert not any(pattern.search(message) for pattern in FOREIGN.values())


def test_the_list_explains_what_it_names_and_knows_what_it_no_longer_needs() -> None:
    one = Difference(Case("n=2", Api.CHAT, {"n": 2}), Way.WHOLE, "status", 200, 400)
    needed, idle = Entry(reason="a", where={"n": [2]}, got=[200]), Entry(reason="b", where={"n": [True]})
    sorted_out = sort([one], [needed, idle])
    assert not sorted_out.unexplained
    assert sorted_out.idle == ["b"]
    assert sort([one], [idle]).unexplained == [one]


def test_the_corpus_has_every_kind_of_case() -> None:
    cases = load()
    singles = [case for case in cases if len(case.varied) == 1]
    pairs = [case for case in cases if case.is_pair]
    assert len(singles) > 150
    assert len(pairs) > 800
    assert len(cases) - len(singles) - len(pairs) > 100
    assert {way for case in cases for way in requests(case)} == {*Way} - {Way.JOB, Way.EVENTS}
