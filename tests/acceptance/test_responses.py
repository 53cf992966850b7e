"""The Responses API, by OpenAI's client: made, streamed, left, read on elsewhere, cancelled."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import httpx
import openai
import pytest
from openai import OpenAI
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import BaseModel

from tests.acceptance.asking import connected
from tests.acceptance.insight import insight
from tests.acceptance.simulation import expected
from tests.harness.stack import Stack
from tests.waiting import eventually

LENGTH = 60


@pytest.fixture
def here(parts: Stack) -> Iterator[OpenAI]:
    with connected(parts.urls[0]) as client:
        yield client


@pytest.fixture
def elsewhere(parts: Stack) -> Iterator[OpenAI]:
    with connected(parts.urls[1]) as client:
        yield client


def asked(question: str, tokens: int = LENGTH, **fields: Any) -> dict[str, Any]:
    """A request whose answer has that many tokens, as arguments of the client."""
    return {
        "model": "sim",
        "input": question,
        "max_output_tokens": tokens,
        "extra_body": {"min_tokens": tokens},
        **fields,
    }


def answer(question: str, tokens: int = LENGTH) -> str:
    return expected(question, max_tokens=tokens, min_tokens=tokens)


def numbers(events: Sequence[Any]) -> list[int]:
    return [event.sequence_number for event in events]


def plain(events: Sequence[ResponseStreamEvent]) -> list[dict[str, Any]]:
    return [event.to_dict() for event in events]


def finished(client: OpenAI, response_id: str) -> Response:
    """A background response when it has ended."""

    def has_ended() -> bool:
        return client.responses.retrieve(response_id).status not in ("queued", "in_progress")

    assert eventually(has_ended)
    return client.responses.retrieve(response_id)


def test_a_text_is_answered_and_kept(here: OpenAI, elsewhere: OpenAI) -> None:
    made = here.responses.create(model="sim", input="What is kept?", metadata={"ticket": "7"})
    kept = elsewhere.responses.retrieve(made.id)

    assert made.status == "completed"
    assert made.output_text == expected("What is kept?")
    assert made.usage is not None
    assert made.usage.total_tokens == made.usage.input_tokens + made.usage.output_tokens
    assert made.metadata == {"ticket": "7"}
    assert {**kept.to_dict(), "completed_at": None} == {**made.to_dict(), "completed_at": None}


def test_a_limit_leaves_an_answer_incomplete(here: OpenAI) -> None:
    made = here.responses.create(**asked("limit", 5))

    assert made.status == "incomplete"
    assert made.incomplete_details is not None
    assert made.incomplete_details.reason == "max_output_tokens"
    assert made.output_text == answer("limit", 5)


def test_a_stream_is_what_the_clients_own_accumulator_expects(here: OpenAI) -> None:
    with here.responses.stream(model="sim", input="accumulate") as stream:
        events = list(stream)
        final = stream.get_final_response()

    assert final.output_text == expected("accumulate")
    assert [event.type for event in events[:3]] == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
    ]
    assert numbers(events) == list(range(len(events)))


def test_the_clients_own_reader_goes_on_after_an_event(here: OpenAI, elsewhere: OpenAI) -> None:
    made = here.responses.create(**asked("reader"), background=True)
    finished(here, made.id)
    with elsewhere.responses.stream(response_id=made.id, starting_after=5) as stream:
        events = list(stream)
    with here.responses.stream(response_id=made.id) as stream:
        whole = list(stream)

    assert numbers(events) == list(range(6, len(whole)))
    assert numbers(whole) == list(range(len(whole)))


def test_a_model_of_pydantic_is_asked_for_by_its_schema(here: OpenAI) -> None:
    class Place(BaseModel):
        name: str

    with pytest.raises(openai.BadRequestError) as error:
        here.responses.parse(model="sim", input="Where?", text_format=Place)
    assert error.value.param == "text.format"


def test_a_background_response_is_polled_until_it_is_there(here: OpenAI, elsewhere: OpenAI) -> None:
    made = here.responses.create(**asked("poll"), background=True)
    assert made.status == "queued"
    done = finished(elsewhere, made.id)

    assert done.output_text == answer("poll")
    assert done.background


@pytest.mark.parametrize("cut", [0, 1, 2, 3, 10, 40])
def test_a_background_stream_goes_on_elsewhere_after_any_event(here: OpenAI, elsewhere: OpenAI, cut: int) -> None:
    question = f"resume {cut}"
    with here.responses.create(**asked(question), background=True, stream=True) as stream:
        begun = [event for _, event in zip(range(cut + 1), stream, strict=False)]
    response_id = begun[0].response.id
    rest = list(elsewhere.responses.retrieve(response_id, stream=True, starting_after=cut))
    whole = list(here.responses.retrieve(response_id, stream=True))

    assert plain(begun + rest) == plain(whole)
    assert numbers(whole) == list(range(len(whole)))
    assert finished(here, response_id).output_text == answer(question)


def test_a_killed_worker_changes_no_number_at_either_ingress(parts: Stack, here: OpenAI, elsewhere: OpenAI) -> None:
    with (
        insight(parts.redis.url) as redis,
        here.responses.create(**asked("killed", 200), background=True, stream=True) as stream,
    ):
        seen = [next(stream) for _ in range(20)]
        response_id = seen[0].response.id
        job_id = response_id.removeprefix("resp_")
        with elsewhere.responses.retrieve(response_id, stream=True) as other:
            read = [next(other) for _ in range(10)]
            redis.worker_of(job_id).kill()
            seen += list(stream)
            read += list(other)
        assert redis.job(job_id).losses == 1

    assert plain(seen) == plain(read) == plain(list(elsewhere.responses.retrieve(response_id, stream=True)))
    assert numbers(seen) == list(range(len(seen)))
    assert finished(here, response_id).output_text == answer("killed", 200)
    parts.wait_ready()


def test_a_cancel_ends_it_for_all_and_can_be_repeated(here: OpenAI, elsewhere: OpenAI) -> None:
    with here.responses.create(**asked("cancel", 2000), background=True, stream=True) as stream:
        begun = [next(stream) for _ in range(10)]
        response_id = begun[0].response.id
        cancelled = elsewhere.responses.cancel(response_id)
        events = begun + list(stream)

    assert cancelled.status == "cancelled"
    assert elsewhere.responses.cancel(response_id).status == "cancelled"
    assert events[-1].type == "response.failed"
    assert events[-1].response.status == "cancelled"
    assert plain(list(elsewhere.responses.retrieve(response_id, stream=True))) == plain(events)


def test_a_conversation_goes_on_from_what_is_stored(here: OpenAI, elsewhere: OpenAI) -> None:
    first = here.responses.create(**asked("one", 5), instructions="Be brief.")
    second = elsewhere.responses.create(**asked("two", 5), previous_response_id=first.id)
    third = here.responses.create(**asked("three", 5), previous_response_id=second.id, instructions="Shout.")
    by_hand = here.responses.create(
        **{
            **asked("", 5),
            "input": [
                {"role": "system", "content": "Shout."},
                {"role": "user", "content": "one"},
                {"role": "assistant", "content": first.output_text},
                {"role": "user", "content": "two"},
                {"role": "assistant", "content": second.output_text},
                {"role": "user", "content": "three"},
            ],
        }
    )

    assert third.output_text == by_hand.output_text
    assert third.usage is not None
    assert by_hand.usage is not None
    assert third.usage.input_tokens == by_hand.usage.input_tokens
    assert third.previous_response_id == second.id


def test_input_items_are_listed_page_by_page(here: OpenAI, elsewhere: OpenAI) -> None:
    made = here.responses.create(
        **{**asked("", 2), "input": [{"role": "user", "content": str(number)} for number in range(5)]}
    )
    newest = elsewhere.responses.input_items.list(made.id, limit=2)
    oldest = elsewhere.responses.input_items.list(made.id, order="asc")

    texts = [item.to_dict()["content"][0]["text"] for item in newest]  # type: ignore[index]
    assert texts == ["4", "3", "2", "1", "0"]
    assert [item.id for item in oldest] == [item.id for item in newest][::-1]


def test_what_was_not_to_be_stored_is_not_there(here: OpenAI) -> None:
    made = here.responses.create(**asked("unstored", 5), store=False)

    with pytest.raises(openai.NotFoundError):
        here.responses.retrieve(made.id)
    with pytest.raises(openai.BadRequestError) as error:
        here.responses.create(**asked("next"), previous_response_id=made.id)
    assert (error.value.param, error.value.code) == ("previous_response_id", "previous_response_not_found")


def test_what_waits_while_the_client_leaves_is_cancelled(parts: Stack, here: OpenAI) -> None:
    with here.responses.create(**asked("leaving", 2000), stream=True) as stream:
        response_id = next(stream).response.id
    assert finished(here, response_id).status == "cancelled"


def test_the_jobs_list_knows_a_response(parts: Stack, here: OpenAI) -> None:
    made = here.responses.create(**asked("listed", 2), metadata={"of": "the list"})
    jobs = httpx.get(f"{parts.urls[0]}/v1/jobs", params={"metadata[of]": "the list"}).json()["data"]
    assert [f"resp_{job['id']}" for job in jobs] == [made.id]


def test_what_is_deleted_is_gone_everywhere(here: OpenAI, elsewhere: OpenAI) -> None:
    made = here.responses.create(**asked("deleted", 5))
    elsewhere.responses.delete(made.id)

    for ask in (here.responses.retrieve, here.responses.delete, elsewhere.responses.input_items.list):
        with pytest.raises(openai.NotFoundError) as error:
            ask(made.id)
        assert error.value.param == "response_id"
    with pytest.raises(openai.BadRequestError):
        here.responses.create(**asked("after"), previous_response_id=made.id)
