"""Sending every case in every way, and keeping what came back."""

from __future__ import annotations

import asyncio
import enum
import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import msgspec

from tests.differential.cases import Api, Case
from tests.differential.servers import Servers

#: Cases on their way at a time, fewer than a worker has slots.
_CONCURRENCY = 24
#: The first log probabilities of a process take longest: something is compiled.
_TIMEOUT_S = 120.0
_KEPT = {"x-penstock-keep": "true"}


class Way(enum.StrEnum):
    """One of the ways to the same answer."""

    WHOLE = "whole"
    STREAMED = "streamed"
    #: With log probabilities, which takes a longer way through the product and must change nothing else.
    ENGINE_WRITTEN = "engine-written"
    ENGINE_WRITTEN_STREAMED = "engine-written streamed"
    #: Read again from the job's record.
    JOB = "job"
    EVENTS = "events"
    TOKENIZED = "tokenized"


class Answer(msgspec.Struct, frozen=True):
    """What a server said; status 0: nothing."""

    status: int
    text: str
    content_type: str = ""
    job_id: str = ""


class Asked(msgspec.Struct, frozen=True):
    """The answers of both servers to one case, by way."""

    penstock: dict[Way, Answer]
    vllm: dict[Way, Answer]


class Cache:
    """vLLM's answers by request, kept in a file."""

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._answers: dict[str, Answer] = {}
        if file and file.exists():
            self._answers = msgspec.json.decode(file.read_bytes(), type=dict[str, Answer])

    def get(self, path: str, body: Mapping[str, Any]) -> Answer | None:
        return self._answers.get(_key(path, body))

    def put(self, path: str, body: Mapping[str, Any], answer: Answer) -> None:
        self._answers[_key(path, body)] = answer

    def save(self) -> None:
        if self._file:
            self._file.write_bytes(msgspec.json.encode(self._answers))

    def knows(self, cases: Iterable[Case]) -> bool:
        """Whether it has the answers to all of them."""
        return all(self.get(path, body) for case in cases for path, body in requests(case, of_vllm=True).values())


def requests(case: Case, *, of_vllm: bool = False) -> dict[Way, tuple[str, dict[str, Any]]]:
    """The requests of a case by way: path and body."""
    body = {**case.body, **_told_ids(case)} if of_vllm else case.body
    if not case.api.generates:
        return {Way.WHOLE: (str(case.api), body)}
    found = {}
    for way, engine_written_way, is_streamed in (
        (Way.WHOLE, Way.ENGINE_WRITTEN, False),
        (Way.STREAMED, Way.ENGINE_WRITTEN_STREAMED, True),
    ):
        if (is_streamed and "stream" in body) or (case.is_pair and _is_streamed(case) is not is_streamed):
            continue
        stream = {"stream": True} if is_streamed else {}
        found[way] = (str(case.api), {**body, **stream})
        if not of_vllm and _is_plain(case):
            found[engine_written_way] = (
                str(case.api),
                {**body, **stream, "logprobs": True if case.api is Api.CHAT else 0},
            )
    if not case.is_pair and (case.api is Api.CHAT or isinstance(body.get("prompt"), str)):
        found[Way.TOKENIZED] = (str(Api.TOKENIZE), case.body)
    return found


def _is_streamed(case: Case) -> bool:
    return case.is_streamed and "stream" not in case.body


def requests_count(cases: Iterable[Case]) -> int:
    """How many requests the cases are, those that read jobs again left out."""
    return sum(len(requests(case)) + len(requests(case, of_vllm=True)) for case in cases)


async def ask_all(servers: Servers, cases: Iterable[Case], cache: Cache) -> list[Asked]:
    """All answers, in the order of the cases."""
    limits = httpx.Limits(max_connections=2 * _CONCURRENCY)
    gate = asyncio.Semaphore(_CONCURRENCY)
    async with httpx.AsyncClient(timeout=_TIMEOUT_S, limits=limits, trust_env=False) as client:
        await _warm_up(client, servers)

        async def ask(case: Case) -> Asked:
            async with gate:
                return Asked(
                    *await asyncio.gather(_penstock(client, servers, case), _vllm(client, servers, case, cache))
                )

        return await asyncio.gather(*map(ask, cases))


async def _warm_up(client: httpx.AsyncClient, servers: Servers) -> None:
    body = {"model": "demo", "prompt": "Hello", "max_tokens": 2, "logprobs": 1, "echo": True, "seed": 1}
    await asyncio.gather(
        *(_post(client, f"{url}{Api.COMPLETIONS}", body) for url in (servers.penstock, servers.vllm) if url)
    )


async def _penstock(client: httpx.AsyncClient, servers: Servers, case: Case) -> dict[Way, Answer]:
    answers = {
        way: await _post(client, f"{servers.penstock}{path}", body, _KEPT)
        for way, (path, body) in requests(case).items()
    }
    for way, of, path in ((Way.JOB, Way.WHOLE, ""), (Way.EVENTS, Way.STREAMED, "/events")):
        if of in answers and answers[of].job_id:
            answers[way] = await _get(client, f"{servers.penstock}/v1/jobs/{answers[of].job_id}{path}")
    return answers


async def _vllm(client: httpx.AsyncClient, servers: Servers, case: Case, cache: Cache) -> dict[Way, Answer]:
    answers = {}
    for way, (path, body) in requests(case, of_vllm=True).items():
        answer = cache.get(path, body)
        if answer is None:
            answer = await _post(client, f"{servers.vllm}{path}", body)
            if answer.status:
                cache.put(path, body, answer)
        answers[way] = answer
    return answers


async def _post(
    client: httpx.AsyncClient, url: str, body: Mapping[str, Any], headers: Mapping[str, str] | None = None
) -> Answer:
    content = json.dumps(body)
    with suppress(httpx.HTTPError):
        return _answer(
            await client.post(url, content=content, headers={"content-type": "application/json", **(headers or {})})
        )
    return Answer(0, "")


async def _get(client: httpx.AsyncClient, url: str) -> Answer:
    with suppress(httpx.HTTPError):
        return _answer(await client.get(url))
    return Answer(0, "")


def _answer(response: httpx.Response) -> Answer:
    kind = response.headers.get("content-type", "").partition(";")[0]
    return Answer(response.status_code, response.text, kind, response.headers.get("x-penstock-job-id", ""))


def _told_ids(case: Case) -> dict[str, Any]:
    """What makes vLLM tell the prompt's ids. It changes what `echo` does, so not there."""
    return (
        {"return_token_ids": True} if case.api.generates and not {"echo", "return_token_ids"} & case.body.keys() else {}
    )


def _is_plain(case: Case) -> bool:
    """Whether the answer is one choice of text without log probabilities, which the serving classes write too."""
    body = case.body
    asks_more = {"logprobs", "top_logprobs", "logprob_token_ids", "tools", "tool_choice", "functions", "echo"}
    return body.get("n") in (None, 1) and not asks_more & body.keys() and not _has_many_prompts(body.get("prompt"))


def _has_many_prompts(prompt: Any) -> bool:
    return isinstance(prompt, list) and bool(prompt) and not isinstance(prompt[0], int)


def _key(path: str, body: Mapping[str, Any]) -> str:
    return f"{path} {json.dumps(body)}"
