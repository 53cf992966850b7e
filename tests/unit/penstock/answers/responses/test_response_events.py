from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.answers.outcome import CONTRADICTED
from penstock.answers.responses.events import ResponseEvents
from penstock.answers.responses.output import Output
from penstock.answers.responses.response import ResponseHead
from penstock.frames import End, Failure
from penstock.job import State
from penstock.request.responses import read_responses

DONE = End(State.COMPLETED, "stop", None, prompt_tokens=3, completion_tokens=5, cached_tokens=1)
LENGTH = End(State.COMPLETED, "length", None, prompt_tokens=3, completion_tokens=5)
CANCELLED = End(State.CANCELLED, completion_tokens=5)
FAILED = End(State.FAILED, failure=Failure("ContextLengthError", "messages has too many.", "messages"))
ENDS = [DONE, LENGTH, CANCELLED, FAILED, End(State.EXPIRED), End(State.DEAD_LETTERED)]

Event = dict[str, Any]


def head(*, background: bool = True, is_engine_written: bool = False, **fields: Any) -> ResponseHead:
    asked = read_responses(json.dumps({"model": "sim", "input": "Hi", "background": background, **fields}).encode())
    return ResponseHead(
        job_id="sim-1", created_s=1700000000, asked=asked, service_tier=None, is_engine_written=is_engine_written
    )


def chunk(**delta: Any) -> str:
    return json.dumps({"choices": [{"index": 0, "delta": delta, "finish_reason": None}]})


def call(index: int, arguments: str, **more: Any) -> str:
    name = {"name": more.pop("name")} if "name" in more else {}
    return chunk(tool_calls=[{"index": index, "function": {"arguments": arguments, **name}, **more}])


def scored(text: str) -> str:
    token = {"token": text, "logprob": -0.5, "bytes": [], "top_logprobs": []}
    choice = {"index": 0, "delta": {"content": text}, "logprobs": {"content": [token]}}
    return json.dumps({"choices": [choice]})


def stream(reading: ResponseEvents, pieces: list[str], end: End, sizes: list[int] | None = None) -> bytes:
    """All bytes of a reading; `sizes` cuts the pieces into runs."""
    written, at = reading.opening(), 0
    for size in [*(sizes or ()), len(pieces)]:
        written += reading.of(pieces[at : at + size], at)
        at += size
    return written + reading.closing(end, len(pieces))


def events(written: bytes) -> list[Event]:
    """Parsed; what each line calls itself is what it is."""
    found = []
    for event in filter(None, written.split(b"\n\n")):
        name, data = event.split(b"\n")
        parsed = json.loads(data.removeprefix(b"data: "))
        assert name == b"event: " + parsed["type"].encode()
        found.append(parsed)
    return found


def types(found: list[Event]) -> list[str]:
    return [event["type"].removeprefix("response.") for event in found]


def read(pieces: list[str], end: End = DONE, **fields: Any) -> list[Event]:
    return events(stream(ResponseEvents(head(**fields)), pieces, end))


ENGINE_PIECES = st.one_of(
    st.just(""),
    st.builds(lambda text: chunk(content=text), st.text(max_size=3)),
    st.builds(lambda text: chunk(reasoning=text), st.text(max_size=3)),
    st.builds(lambda at, text: call(at, text, id=f"c{at}", name="f"), st.integers(0, 2), st.text(max_size=3)),
    st.builds(lambda text: f"{chunk(reasoning_content=text)}\n{scored(text)}", st.text(min_size=1, max_size=2)),
)
ANSWERS = st.one_of(
    st.tuples(st.sampled_from([False]), st.lists(st.text(max_size=3), max_size=8)),
    st.tuples(st.sampled_from([True]), st.lists(ENGINE_PIECES, max_size=8)),
)


@given(answer=ANSWERS, end=st.sampled_from(ENDS), background=st.booleans(), after=st.integers(0, 40))
def test_a_reading_from_any_event_on_is_the_rest_of_a_whole_one(
    *, answer: tuple[bool, list[str]], end: End, background: bool, after: int
) -> None:
    is_engine_written, pieces = answer
    it = head(background=background, is_engine_written=is_engine_written)
    whole = stream(ResponseEvents(it), pieces, end)
    after = min(after, whole.count(b"\n\n") - 1)

    lines = [line + b"\n\n" for line in whole.split(b"\n\n") if line]
    assert stream(ResponseEvents(it, after), pieces, end) == b"".join(lines[after + 1 :])
    assert [event["sequence_number"] for event in events(whole)] == list(range(len(lines)))


@given(ANSWERS, st.lists(st.integers(0, 3), max_size=5))
def test_how_tokens_were_grouped_on_their_way_makes_no_difference(
    answer: tuple[bool, list[str]], sizes: list[int]
) -> None:
    is_engine_written, pieces = answer
    it = head(is_engine_written=is_engine_written)
    assert stream(ResponseEvents(it), pieces, DONE, sizes) == stream(ResponseEvents(it), pieces, DONE)


@given(ANSWERS, st.sampled_from(ENDS))
def test_the_last_event_has_the_response_as_it_is_kept(answer: tuple[bool, list[str]], end: End) -> None:
    is_engine_written, pieces = answer
    it = head(is_engine_written=is_engine_written)
    (*_, last) = events(stream(ResponseEvents(it), pieces, end))
    kept = it.whole(end, pieces)

    assert last["response"] == json.loads(msgspec.json.encode(kept))


@given(ANSWERS)
def test_deltas_add_up_to_the_items(answer: tuple[bool, list[str]]) -> None:
    is_engine_written, pieces = answer
    found = read(pieces, is_engine_written=is_engine_written)
    texts: dict[str, str] = {}
    for event in found:
        if event["type"].endswith(".delta"):
            texts[event["item_id"]] = texts.get(event["item_id"], "") + event["delta"]

    output = found[-1]["response"]["output"]
    assert output
    for index, item in enumerate(output):
        text = item["arguments"] if item["type"] == "function_call" else item["content"][0]["text"]
        assert texts.get(item["id"], "") == text
        assert [event["item"] for event in found if event["type"].endswith("item.done")][index] == item
    assert len({item["id"] for item in output}) == len(output)


def test_a_plain_answer_has_the_events_that_openais_clients_know() -> None:
    found = read(["Good", "", " day"])

    assert types(found) == [
        *("created", "queued", "in_progress", "output_item.added", "content_part.added"),
        *("output_text.delta", "output_text.delta", "output_text.done", "content_part.done", "output_item.done"),
        "completed",
    ]
    assert [found[at]["response"]["status"] for at in (0, 1, 2, -1)] == ["queued", "queued", "in_progress", "completed"]
    assert found[5] == {
        "type": "response.output_text.delta",
        "item_id": "msg_sim-1_0",
        "output_index": 0,
        "content_index": 0,
        "delta": "Good",
        "logprobs": [],
        "sequence_number": 5,
    }
    assert {**found[5], "delta": " day", "sequence_number": 6} == found[6]


def test_one_in_the_foreground_is_never_queued_to_its_client() -> None:
    assert types(read(["x"], background=False))[:2] == ["created", "in_progress"]


def test_an_answer_without_a_word_is_a_message_without_a_word() -> None:
    found = read([])
    assert found[-1]["response"]["output"][0]["content"][0]["text"] == ""


def test_what_was_cut_off_at_its_limit_is_incomplete() -> None:
    last = read(["x"], LENGTH)[-1]
    assert last["type"] == "response.incomplete"
    assert last["response"]["incomplete_details"] == {"reason": "max_output_tokens"}
    assert last["response"]["output"][0]["status"] == "incomplete"


@pytest.mark.parametrize(
    ("end", "status", "error"),
    [
        (CANCELLED, "cancelled", None),
        (
            FAILED,
            "failed",
            {
                "code": "invalid_prompt",
                "message": "input has too many.",
                "param": "input",
                "type": "context_length_exceeded",
            },
        ),
        (
            End(State.DEAD_LETTERED),
            "failed",
            {"code": "server_error", "message": "The job lost too many workers.", "param": None, "type": "worker_lost"},
        ),
    ],
)
def test_what_did_not_complete_says_how_and_keeps_what_was_said(end: End, status: str, error: object) -> None:
    last = read(["half"], end)[-1]
    assert last["type"] == "response.failed"
    assert (last["response"]["status"], last["response"]["error"]) == (status, error)
    assert last["response"]["output"][0]["content"][0]["text"] == "half"
    assert last["response"]["output"][0]["status"] == "incomplete"


def test_a_stream_that_cannot_go_on_says_so_and_nothing_of_the_response() -> None:
    last = read(["half"], CONTRADICTED)[-1]
    assert (last["type"], last["code"], last["sequence_number"]) == ("error", "worker_lost", 6)


def test_an_event_that_never_came_is_no_silent_end() -> None:
    found = events(stream(ResponseEvents(head(), 500), ["x"], DONE))
    assert [(event["type"], event["param"]) for event in found] == [("error", "starting_after")]


def test_reasoning_text_and_calls_are_items_of_their_own() -> None:
    pieces = [
        chunk(role="assistant", content=""),
        chunk(reasoning="Hm"),
        chunk(reasoning="m."),
        chunk(content="Let me see."),
        call(0, "", id="a", name="weather") + "\n" + call(0, '{"at":'),
        call(0, '"Bern"}'),
        call(1, "{}", id="b", name="time"),
    ]
    found = read(pieces, is_engine_written=True)
    output = found[-1]["response"]["output"]

    assert types(found)[3:] == [
        *("output_item.added", "content_part.added", "reasoning_text.delta", "reasoning_text.delta"),
        *("reasoning_text.done", "content_part.done", "output_item.done"),
        *("output_item.added", "content_part.added", "output_text.delta"),
        *("output_text.done", "content_part.done", "output_item.done"),
        *("output_item.added", "function_call_arguments.delta", "function_call_arguments.delta"),
        *("output_item.added", "function_call_arguments.delta"),
        *("function_call_arguments.done", "output_item.done") * 2,
        "completed",
    ]
    assert [item["type"] for item in output] == ["reasoning", "message", "function_call", "function_call"]
    assert [(item["call_id"], item["name"], item["arguments"]) for item in output[2:]] == [
        ("a", "weather", '{"at":"Bern"}'),
        ("b", "time", "{}"),
    ]
    assert found[-1]["response"]["usage"]["output_tokens_details"] == {"reasoning_tokens": 3}


def test_log_probabilities_come_with_their_text() -> None:
    found = read([scored("Hi"), scored("!")], is_engine_written=True)
    (part,) = found[-1]["response"]["output"][0]["content"]

    assert [token["token"] for token in part["logprobs"]] == ["Hi", "!"]
    assert [event["logprobs"][0]["token"] for event in found if event["type"].endswith("delta")] == ["Hi", "!"]


def test_calls_beside_each_other_may_grow_in_turns() -> None:
    output = Output.of(
        "sim-1",
        [call(0, "1", id="a", name="f"), call(1, "2", id="b", name="g"), call(0, "3"), call(1, "4")],
        is_engine_written=True,
    )
    output.close("completed")
    assert [item["arguments"] for item in output.items] == ["13", "24"]
