"""A job outlives its request: read again, read on elsewhere, kept, cancelled, and asked for twice."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import httpx
import openai
import pytest
from openai import OpenAI

from tests.acceptance.asking import JOB_ID, connected, job, job_id_of, resumed, says, text_of
from tests.acceptance.events import END, asked, events_of, text
from tests.acceptance.simulation import expected
from tests.harness.stack import Stack
from tests.waiting import eventually

KEEP = {"x-penstock-keep": "true"}


@pytest.fixture
def here(parts: Stack) -> str:
    return parts.urls[0]


@pytest.fixture
def elsewhere(parts: Stack) -> str:
    return parts.urls[1]


@pytest.fixture
def client(here: str) -> Iterator[OpenAI]:
    with connected(here) as it:
        yield it


def question(name: str, tokens: int = 100) -> dict[str, object]:
    """A request with an answer of its own."""
    return {"messages": says(name), "max_tokens": tokens, "min_tokens": tokens}


def for_openai(name: str, tokens: int = 100) -> dict[str, Any]:
    """The same as arguments of OpenAI's client."""
    return {
        "model": "sim",
        "messages": says(name),
        "max_tokens": tokens,
        "extra_body": {"min_tokens": tokens},
        "extra_headers": {"Idempotency-Key": name},
    }


def answer(name: str, tokens: int = 100) -> str:
    return expected(name, max_tokens=tokens, min_tokens=tokens)


def test_a_jobs_events_are_the_chunks_of_its_stream_at_every_ingress(here: str, elsewhere: str) -> None:
    with asked(here, question("chunks")) as stream:
        job_id = stream.response.headers[JOB_ID]
        original = stream.take(20)
        with events_of(elsewhere, job_id) as running:
            meanwhile = running.take(20)
            original += stream.rest()
            meanwhile += running.rest()
    with events_of(elsewhere, job_id) as finished:
        afterwards = finished.rest()

    assert text(original) == answer("chunks")
    assert [event.data for event in meanwhile] == [event.data for event in original]
    assert [(event.id, event.data) for event in afterwards] == [(event.id, event.data) for event in meanwhile]
    assert not any(event.id for event in original)
    assert len({event.id for event in meanwhile}) == len(meanwhile)


@pytest.mark.parametrize("by", ["after", "last-event-id"])
@pytest.mark.parametrize("when", ["running", "finished"])
def test_a_reader_goes_on_at_another_ingress_where_it_stopped(here: str, elsewhere: str, by: str, when: str) -> None:
    name = f"resume {when} {by}"
    with asked(here, question(name), **KEEP) as stream:
        job_id = stream.response.headers[JOB_ID]
        with events_of(here, job_id) as first:
            seen = first.take(30)
        if when == "finished":
            stream.rest()
        last = seen[-1].id
        with events_of(elsewhere, job_id, **({"after": last} if by == "after" else {by: last})) as second:
            rest = second.rest()
    with events_of(here, job_id) as whole:
        assert whole.rest() == seen + rest

    assert text(seen + rest) == answer(name)
    assert rest[-1].data == END


def test_openais_own_client_can_read_on(client: OpenAI, elsewhere: str) -> None:
    with client.chat.completions.create(
        model="sim", messages=says("read on"), max_tokens=60, stream=True, extra_headers=KEEP
    ) as stream:
        next(stream)
        with connected(elsewhere) as other, resumed(other, job_id_of(stream)) as again:
            assert text_of(again) == expected("read on", max_tokens=60)


def test_who_goes_away_cancels_the_job_within_a_second(client: OpenAI) -> None:
    with client.chat.completions.create(model="sim", messages=says("left"), max_tokens=4000, stream=True) as stream:
        next(stream)
    left_s = time.monotonic()
    assert eventually(lambda: job(client, job_id_of(stream))["state"] == "cancelled", within_s=5.0)
    assert time.monotonic() - left_s < 1.0


def test_who_times_out_and_comes_again_with_its_key_gets_the_answer(client: OpenAI, elsewhere: str) -> None:
    asking = for_openai("timed out", 120)
    with pytest.raises(openai.APITimeoutError):
        client.chat.completions.create(**asking, timeout=0.3)
    with connected(elsewhere) as other:
        raw = other.chat.completions.with_raw_response.create(**asking)

    assert raw.parse().choices[0].message.content == answer("timed out", 120)
    assert job(client, raw.headers[JOB_ID])["runs"] == 1


def test_openais_own_retries_get_the_answer(here: str) -> None:
    with OpenAI(base_url=f"{here}/v1", api_key="none", max_retries=8, timeout=0.4) as client:
        said = client.chat.completions.create(**for_openai("its own retries"))

    assert said.choices[0].message.content == answer("its own retries")


def test_what_the_client_cancelled_is_made_anew_when_it_asks_again(here: str, client: OpenAI) -> None:
    asking = for_openai("wanted after all")
    with client.chat.completions.create(**asking, stream=True) as stream:
        next(stream)
        job_id = job_id_of(stream)
        assert httpx.delete(f"{here}/v1/jobs/{job_id}").json()["state"] == "cancelled"
    # Asked for as a stream, it is one: the same body.
    with client.chat.completions.create(**asking, stream=True) as again:
        assert text_of(again) == answer("wanted after all")

    assert job_id_of(again) == job_id
    assert job(client, job_id)["runs"] == 2


def test_a_job_that_is_to_be_kept_goes_on_alone(client: OpenAI) -> None:
    with client.chat.completions.create(
        model="sim", messages=says("kept"), max_tokens=80, stream=True, extra_headers=KEEP
    ) as stream:
        next(stream)
    assert eventually(lambda: job(client, job_id_of(stream))["state"] == "completed")

    result = job(client, job_id_of(stream))["result"]
    assert result["choices"][0]["message"]["content"] == expected("kept", max_tokens=80)


def test_a_job_is_cancelled_once_however_often_it_is_asked(here: str, elsewhere: str, client: OpenAI) -> None:
    with client.chat.completions.create(
        model="sim", messages=says("cancelled"), max_tokens=4000, stream=True
    ) as stream:
        next(stream)
        ends = [httpx.delete(f"{url}/v1/jobs/{job_id_of(stream)}").json() for url in (elsewhere, here, elsewhere)]
        with pytest.raises(openai.APIError, match="cancelled") as end:
            list(stream)

    assert {one["state"] for one in ends} == {"cancelled"}
    assert end.value.code == "job_cancelled"
    assert ends[0] == ends[1] == ends[2]


def test_a_finished_job_stays_as_it_is_when_cancelled(here: str, client: OpenAI) -> None:
    raw = client.chat.completions.with_raw_response.create(model="sim", messages=says("done"), max_tokens=5)

    assert httpx.delete(f"{here}/v1/jobs/{raw.headers[JOB_ID]}").json()["state"] == "completed"


def test_a_request_that_is_sent_twice_is_one_job(client: OpenAI, elsewhere: str) -> None:
    asking: dict[str, Any] = {"model": "sim", "messages": says("twice"), "max_tokens": 20}
    key = {"Idempotency-Key": "sent twice"}
    first = client.chat.completions.with_raw_response.create(**asking, extra_headers=key)
    with connected(elsewhere) as other:
        again = other.chat.completions.with_raw_response.create(**asking, extra_headers=key)

    assert again.headers[JOB_ID] == first.headers[JOB_ID]
    assert again.http_response.json() == first.http_response.json()
    with pytest.raises(openai.ConflictError) as conflict:
        client.chat.completions.create(**{**asking, "max_tokens": 21}, extra_headers=key)
    assert conflict.value.code == "idempotency_key_reused"


def test_nobody_knows_a_job_that_never_was(client: OpenAI) -> None:
    with pytest.raises(openai.NotFoundError):
        job(client, "sim-0123456789abcdef01234567")
