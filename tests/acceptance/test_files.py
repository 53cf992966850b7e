"""OpenAI's own client keeps files on a whole Penstock, also in S3, and also one that is as long as it may be."""

from __future__ import annotations

import io
import socket
from collections.abc import Iterator
from pathlib import Path

import openai
import pytest
from openai import OpenAI

from tests.acceptance.asking import connected
from tests.acceptance.simulation import SIMULATION
from tests.harness import s3_server
from tests.harness.up import Up, running
from tests.waiting import eventually

LINES = b'{"custom_id": "1", "method": "POST", "url": "/v1/chat/completions", "body": {}}\n'
MIB = 1 << 20
LIMIT = 200 * MIB


@pytest.fixture(scope="session", params=["folder", "s3"])
def up(request: pytest.FixtureRequest, sim: Up, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """With files in its own folder, and with files in S3."""
    if request.param == "folder":
        yield sim
        return
    with s3_server.running(tmp_path_factory.mktemp("s3") / "log") as options:
        storage = {"url": f"s3://{s3_server.BUCKET}/files", "options": options}
        with running({**SIMULATION, "storage": storage}) as up:
            yield up


@pytest.fixture
def client(up: Up) -> Iterator[OpenAI]:
    with connected(up.url) as client:
        yield client


def test_files_are_created_listed_read_and_deleted(client: OpenAI, tmp_path: Path) -> None:
    path = tmp_path / "requests.jsonl"
    path.write_bytes(LINES * 3)
    with path.open("rb") as content:
        made = client.files.create(
            file=content, purpose="batch", expires_after={"anchor": "created_at", "seconds": 7200}
        )
    assert (made.object, made.filename, made.bytes, made.purpose) == ("file", path.name, len(LINES) * 3, "batch")
    assert made.expires_at == made.created_at + 7200
    assert client.files.retrieve(made.id) == made
    assert made in list(client.files.list(purpose="batch", limit=1))
    assert client.files.content(made.id).read() == LINES * 3
    copy = tmp_path / "copy.jsonl"
    with client.files.with_streaming_response.content(made.id) as response:
        response.stream_to_file(copy)
    assert copy.read_bytes() == LINES * 3
    assert client.files.delete(made.id).deleted
    with pytest.raises(openai.NotFoundError):
        client.files.retrieve(made.id)
    with pytest.raises(openai.NotFoundError):
        client.files.content(made.id)


def test_pages_of_a_list_follow_each_other(client: OpenAI) -> None:
    made = [client.files.create(file=(f"{number}.jsonl", LINES), purpose="batch").id for number in range(5)]
    newest_first = [file.id for file in client.files.list(limit=2, order="desc")]
    assert [one for one in newest_first if one in made] == made[::-1]
    assert [one for one in [file.id for file in client.files.list(limit=2, order="asc")] if one in made] == made
    for one in made:
        client.files.delete(one)


def test_a_purpose_that_nothing_is_uploaded_for_is_refused(client: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="what can be uploaded is for: batch"):
        client.files.create(file=("a.jsonl", LINES), purpose="vision")


def test_a_file_as_long_as_may_be_passes_and_a_longer_one_does_not(up: Up, client: OpenAI) -> None:
    with pytest.raises(openai.APIStatusError) as refusal:
        client.files.create(file=("long.jsonl", io.BytesIO(bytes(LIMIT + MIB))), purpose="batch")
    assert refusal.value.status_code == 413
    assert f"larger than {LIMIT} bytes (files.max_bytes)" in refusal.value.message
    made = client.files.create(file=("long.jsonl", io.BytesIO(bytes(LIMIT))), purpose="batch", timeout=120)
    (ingress,) = up.by_role()["ingress"]
    before = ingress.memory_info().rss
    received = 0
    with client.files.with_streaming_response.content(made.id) as response:
        for chunk in response.iter_bytes(MIB):
            received += len(chunk)
    assert received == LIMIT
    assert ingress.memory_info().rss - before < 50 * MIB
    client.files.delete(made.id)


def test_an_ingress_that_is_killed_in_the_middle_of_an_upload_leaves_no_file() -> None:
    with running(SIMULATION) as up, connected(up.url) as client:
        made = client.files.create(file=("a.jsonl", LINES), purpose="batch")
        storage = up.folder / "data" / "files"
        head = b'--x\r\ncontent-disposition: form-data; name="file"; filename="b.jsonl"\r\n\r\n'
        with socket.create_connection(("127.0.0.1", up.port)) as upload:
            upload.sendall(
                b"POST /v1/files HTTP/1.1\r\nhost: localhost\r\ncontent-type: multipart/form-data; boundary=x\r\n"
                b"content-length: %d\r\n\r\n" % LIMIT + head + bytes(4 * MIB)
            )
            assert eventually(lambda: any(size >= MIB for size in sizes(storage)))
            (ingress,) = up.by_role()["ingress"]
            ingress.kill()
        up.wait_ready()
        assert [file.id for file in client.files.list()] == [made.id]
        assert client.files.content(made.id).read() == LINES


def sizes(folder: Path) -> list[int]:
    """Of all that is in it."""
    return [path.stat().st_size for path in folder.rglob("*") if path.is_file()]
