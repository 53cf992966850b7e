"""What the API's description says holds for a real model: its examples are answered, and answers are as described."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.acceptance.asking import JOB_ID
from tests.contract.contract import Contract
from tests.harness.up import Up

CHAT: dict[str, Any] = {
    "model": "demo",
    "messages": [{"role": "user", "content": "What is Penstock?"}],
    "max_tokens": 8,
    "temperature": 0,
}
PROMPT: dict[str, Any] = {"model": "demo", "prompt": "Penstock is", "max_tokens": 8, "temperature": 0}
FORM = "multipart/form-data"
LINE = {"custom_id": "1", "method": "POST", "url": "/v1/chat/completions", "body": CHAT}
UPLOAD = {"file": json.dumps(LINE), "purpose": "batch"}
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}
#: What the engine's own classes write, and plain text beside it.
RICH: list[tuple[str, dict[str, Any]]] = [
    ("/v1/chat/completions", CHAT),
    ("/v1/chat/completions", CHAT | {"logprobs": True, "top_logprobs": 2}),
    ("/v1/chat/completions", CHAT | {"n": 2, "return_token_ids": True}),
    ("/v1/chat/completions", CHAT | {"tools": [TOOL], "tool_choice": "required", "max_tokens": 64}),
    ("/v1/chat/completions", CHAT | {"tools": [TOOL]}),
    ("/v1/chat/completions", CHAT | {"continue_final_message": True, "add_generation_prompt": False, "echo": True}),
    ("/v1/chat/completions", CHAT | {"prompt_logprobs": 1}),
    ("/v1/completions", PROMPT),
    ("/v1/completions", PROMPT | {"prompt": ["A", "B"], "logprobs": 2, "echo": True}),
    ("/v1/completions", PROMPT | {"return_token_ids": True, "n": 2, "temperature": 1}),
    ("/v1/completions", PROMPT | {"prompt_logprobs": 1}),
]


@pytest.fixture(scope="module")
def client(demo: Up) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=demo.url, timeout=60) as it:
        yield it


@pytest.fixture(scope="module")
def contract(client: httpx.Client) -> Contract:
    return Contract(client.get("/openapi.json").json())


def read(contract: Contract, response: httpx.Response) -> httpx.Response:
    """An answer that is to be as described."""
    asked = response.request
    faults = contract.faults(asked.method, str(asked.url), response.status_code, response.headers, response.content)
    assert faults == []
    return response


def uploaded(client: httpx.Client, form: dict[str, str]) -> str:
    """The id of a file."""
    made = client.post("/v1/files", files={"file": ("a.jsonl", form["file"])}, data={"purpose": form["purpose"]})
    file_id: str = made.json()["id"]
    return file_id


def named_by_paths(client: httpx.Client) -> dict[str, str]:
    """One of each kind of thing that a path names."""
    webhook = client.post("/v1/webhooks", json={"url": "https://example.com/"}).json()["id"]
    asked = {"model": "demo", "input": "What is Penstock?", "background": True}
    file = uploaded(client, UPLOAD)
    batch = {"input_file_id": file, "endpoint": "/v1/chat/completions", "completion_window": "24h"}
    return {
        "file_id": file,
        "batch_id": client.post("/v1/batches", json=batch).json()["id"],
        "job_id": client.post("/v1/chat/completions", json=CHAT).headers[JOB_ID],
        "response_id": client.post("/v1/responses", json=asked).json()["id"],
        "webhook_id": webhook,
        "delivery_id": client.post(f"/v1/webhooks/{webhook}/test", json={}).json()["id"],
    }


def with_file(value: Any, file_id: str) -> Any:
    """A body that names a file, of one that there is."""
    return {**value, "input_file_id": file_id} if isinstance(value, dict) and "input_file_id" in value else value


def test_every_example_of_a_request_is_answered(client: httpx.Client, contract: Contract) -> None:
    asked = 0
    known = named_by_paths(client)
    for path, item in contract.document["paths"].items():
        body = item.get("post", {}).get("requestBody")
        for kind, media in body["content"].items() if body else ():
            for name, example in media["examples"].items():
                asked += 1
                if kind == FORM:
                    assert uploaded(client, example["value"])
                    continue
                # The file that the example of a batch names is itself an example.
                value = with_file(example["value"], known["file_id"])
                content = value if isinstance(value, str) else json.dumps(value)
                response = client.post(path.format_map(known), content=content, headers={"content-type": kind})
                assert read(contract, response).is_success, (path, name)
    assert asked > 10


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("path", "body"), RICH, ids=str)
def test_an_answer_its_job_and_its_events_are_as_described(
    client: httpx.Client, contract: Contract, path: str, body: dict[str, Any], *, stream: bool
) -> None:
    streamed = {"stream": True, "stream_options": {"include_usage": True, "continuous_usage_stats": True}}
    answer = read(contract, client.post(path, json=body | (streamed if stream else {})))
    # Log probabilities of a prompt have no place in a stream.
    assert answer.status_code == (400 if stream and "prompt_logprobs" in body else 200)
    if answer.status_code == 200:
        job = f"/v1/jobs/{answer.headers[JOB_ID]}"
        assert read(contract, client.get(job)).json()["result"]["usage"]
        assert "[DONE]" in read(contract, client.get(f"{job}/events")).text
