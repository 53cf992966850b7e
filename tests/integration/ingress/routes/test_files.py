"""Files over HTTP: uploaded as they come, listed, read in ranges, deleted; each answer is as the document has it."""

from __future__ import annotations

import asyncio
import errno
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from penstock.broker import files, observing
from penstock.broker.keys import TenantKeys
from penstock.files.file import File, Part, Purpose
from penstock.settings import ApiKey, Settings
from penstock.storage.folder import FolderDraft
from tests.contract.contract import Contract
from tests.eventual import until
from tests.integration.ingress.conftest import Serve
from tests.integration.ingress.serving import Serving
from tests.integration.open_broker import OpenBroker

KEYS = tuple(
    ApiKey(name=name, tenant=name, sha256=hashlib.sha256(name.encode()).hexdigest()) for name in ("acme", "rival")
)
RIVAL = {"authorization": "Bearer rival"}
LINES = b'{"custom_id": "1"}\n{"custom_id": "2"}\n'
MIB = 1 << 20
PURPOSE = {"purpose": "batch"}
CREATED, SECONDS = "expires_after[anchor]", "expires_after[seconds]"


@pytest.fixture
async def ingress(serve: Serve) -> Serving:
    ingress = await serve(api_keys=KEYS, files={"max_bytes": 4 * MIB, "max_files": 5}, body_timeout_s=1.0)
    ingress.client.headers["authorization"] = "Bearer acme"
    return ingress


@pytest.fixture
async def contract(client: httpx.AsyncClient) -> Contract:
    return Contract((await client.get("/openapi.json")).json())


def check(contract: Contract, response: httpx.Response, status: int = 200) -> Any:
    """The answer's JSON; fails unless it has the status, and is as the document has it."""
    request = response.request
    target = request.url.raw_path.decode()
    assert contract.faults(request.method, target, response.status_code, response.headers, response.content) == []
    assert response.status_code == status, response.text
    is_json = response.headers.get("content-type") == "application/json" and request.method != "HEAD"
    return response.json() if is_json else None


async def upload(
    client: httpx.AsyncClient,
    content: bytes = LINES,
    name: str = "a.jsonl",
    fields: dict[str, str] | None = None,
    headers: dict[str, str] | None = None,
) -> httpx.Response:
    return await client.post(
        "/v1/files", files={"file": (name, content)}, data=PURPOSE if fields is None else fields, headers=headers
    )


def stored(settings: Settings) -> list[Path]:
    """All that is in storage, whole or not."""
    return [path for path in Path(settings.storage.url).rglob("*") if path.is_file()]


async def is_empty(settings: Settings) -> bool:
    return stored(settings) == []


async def test_a_file_is_uploaded_looked_up_read_and_deleted(
    client: httpx.AsyncClient, contract: Contract, settings: Settings
) -> None:
    made = check(contract, await upload(client))
    created_s = made["created_at"]
    assert made == {
        "id": made["id"],
        "object": "file",
        "bytes": len(LINES),
        "created_at": created_s,
        "expires_at": created_s + 30 * 86400,
        "filename": "a.jsonl",
        "purpose": "batch",
        "status": "processed",
    }
    path = f"/v1/files/{made['id']}"
    assert check(contract, await client.get(path)) == made
    for method, url in (("HEAD", path), ("OPTIONS", path)):
        check(contract, await client.request(method, url), 204 if method == "OPTIONS" else 200)
    response = await client.get(f"{path}/content")
    check(contract, response)
    assert response.content == LINES
    assert response.headers["content-disposition"] == 'attachment; filename="a.jsonl"'
    head = await client.head(f"{path}/content")
    check(contract, head)
    assert (head.headers["content-length"], head.content) == (str(len(LINES)), b"")
    assert (await client.head(f"{path}/content", headers={"range": "bytes=0-0"})).status_code == 200
    assert check(contract, await client.delete(path)) == {"id": made["id"], "object": "file", "deleted": True}
    for url in (path, f"{path}/content"):
        check(contract, await client.get(url), 404)
    check(contract, await client.delete(path), 404)
    assert stored(settings) == []


async def test_a_file_says_how_long_it_is_kept(client: httpx.AsyncClient, contract: Contract) -> None:
    fields = {**PURPOSE, CREATED: "created_at", SECONDS: "3600"}
    made = check(contract, await upload(client, fields=fields))
    assert made["expires_at"] == made["created_at"] + 3600
    check(contract, await upload(client, fields={**PURPOSE, CREATED: "created_at", SECONDS: "60"}), 400)


async def test_the_file_may_come_before_its_fields(client: httpx.AsyncClient, contract: Contract) -> None:
    form: list[Any] = [("file", ("a.jsonl", LINES)), ("colour", (None, "red")), ("purpose", (None, "batch"))]
    response = await client.post("/v1/files", files=form)
    check(contract, response)
    assert response.headers["x-penstock-ignored"] == "colour"


async def test_nobody_sees_the_files_of_others(client: httpx.AsyncClient, contract: Contract) -> None:
    made = check(contract, await upload(client))
    for method, end in (("GET", ""), ("GET", "/content"), ("DELETE", "")):
        check(contract, await client.request(method, f"/v1/files/{made['id']}{end}", headers=RIVAL), 404)
    assert check(contract, await client.get("/v1/files", headers=RIVAL))["data"] == []
    check(contract, await client.get(f"/v1/files/{made['id']}"))
    check(contract, await client.get("/v1/files", headers={"authorization": "Bearer nobody"}), 401)


async def test_files_are_listed_page_by_page_in_either_order(client: httpx.AsyncClient, contract: Contract) -> None:
    ids = [check(contract, await upload(client, name=f"{number}.jsonl"))["id"] for number in range(5)]
    for order, expected in (("desc", ids[::-1]), ("asc", ids)):
        pages = list[list[str]]()
        after: dict[str, str] = {}
        while True:
            page = check(contract, await client.get("/v1/files", params={"limit": 2, "order": order, **after}))
            pages.append([one["id"] for one in page["data"]])
            assert (page["first_id"], page["last_id"]) == (pages[-1][0], pages[-1][-1])
            if not page["has_more"]:
                break
            after = {"after": page["last_id"]}
        assert pages == [expected[:2], expected[2:4], expected[4:]]
    empty: dict[str, Any] = {"object": "list", "data": [], "first_id": None, "last_id": None, "has_more": False}
    assert check(contract, await client.get("/v1/files", params={"purpose": "batch_output"})) == empty
    assert len(check(contract, await client.get("/v1/files", params={"purpose": "batch"}))["data"]) == 5
    for wrong in ({"after": "file-0"}, {"limit": "0"}, {"order": "up"}, {"purpose": "vision"}):
        check(contract, await client.get("/v1/files", params=wrong), 400)


async def test_a_record_that_cannot_be_read_hides_no_other(client: httpx.AsyncClient, broker: OpenBroker) -> None:
    ids = [(await upload(client, name=f"{number}.jsonl")).json()["id"] for number in range(2)]
    broken = TenantKeys("acme").file(ids[0])
    await broker.client.delete(broken)
    await broker.client.set(broken, "mine")
    listed = (await client.get("/v1/files")).json()
    assert [one["id"] for one in listed["data"]] == [ids[1]]
    assert (await client.get(f"/v1/files/{ids[0]}")).status_code == 503


async def test_files_of_one_moment_are_listed_once_each(ingress: Serving, contract: Contract) -> None:
    now_ms = await ingress.context.broker.ask(observing.clock_ms())
    ids = [f"file-{number:03}" for number in range(250)]
    for one in ids:
        await ingress.context.broker.run(files.put("acme", made_file(one, now_ms, [])))
    found = list[str]()
    while True:
        params = {"limit": "60", "order": "asc", **({"after": found[-1]} if found else {})}
        page = check(contract, await ingress.client.get("/v1/files", params=params))
        found += [one["id"] for one in page["data"]]
        if not page["has_more"]:
            break
    assert found == ids


def made_file(file_id: str, now_ms: int, parts: list[Part], expires_ms: int = 0) -> File:
    size = sum(part.bytes for part in parts)
    return File(
        id=file_id,
        tenant="acme",
        filename="out.jsonl",
        bytes=size,
        lines=1,
        purpose=Purpose.BATCH_OUTPUT,
        created_ms=now_ms,
        expires_ms=expires_ms,
        parts=parts,
    )


@pytest.mark.parametrize(
    ("wanted", "status", "start", "end"),
    [
        ("bytes=0-4", 206, 0, 5),
        ("bytes=3-", 206, 3, 12),
        ("bytes=-5", 206, 7, 12),
        ("bytes=4-1000", 206, 4, 12),
        ("bytes=0-0,3-4", 200, 0, 12),
        ("lines=1", 200, 0, 12),
    ],
)
async def test_a_file_of_several_parts_is_read_in_ranges(
    ingress: Serving, contract: Contract, wanted: str, status: int, start: int, end: int
) -> None:
    content, parts = b"abcdefghijkl", list[Part]()
    for name, part in (("batches/1/0", b"abcde"), ("batches/1/1", b"f"), ("batches/1/2", b"ghijkl")):
        async with ingress.context.storage.write(name) as writer:
            await writer.write(part)
        parts.append(Part(name, len(part)))
    await ingress.context.broker.run(files.put("acme", made_file("file-1", 1, parts)))
    response = await ingress.client.get("/v1/files/file-1/content", headers={"range": wanted})
    check(contract, response, status)
    assert response.content == content[start:end]
    assert int(response.headers["content-length"]) == end - start
    assert response.headers.get("content-range") == (f"bytes {start}-{end - 1}/12" if status == 206 else None)
    other = {"range": wanted, "if-range": '"another"'}
    assert (await ingress.client.get("/v1/files/file-1/content", headers=other)).content == content


async def test_a_range_that_is_not_there_is_refused(client: httpx.AsyncClient, contract: Contract) -> None:
    path = f"/v1/files/{check(contract, await upload(client))['id']}/content"
    response = await client.get(path, headers={"range": f"bytes={len(LINES)}-"})
    assert check(contract, response, 416)["error"]["code"] == "range_not_satisfiable"
    assert response.headers["content-range"] == f"bytes */{len(LINES)}"


async def test_an_empty_file_is_one(client: httpx.AsyncClient, contract: Contract) -> None:
    made = check(contract, await upload(client, b""))
    response = await client.get(f"/v1/files/{made['id']}/content")
    check(contract, response)
    assert (made["bytes"], response.content, response.headers["content-length"]) == (0, b"", "0")


@pytest.mark.parametrize(
    ("form", "param", "sentence"),
    [
        ([("purpose", (None, "batch"))], "file", "file: missing"),
        ([("file", ("a", LINES))], "purpose", "purpose: missing; what can be uploaded is for: batch"),
        ([("file", ("a", LINES)), ("purpose", (None, "vision"))], "purpose", "nothing is uploaded for 'vision'"),
        ([("purpose", (None, "vision")), ("file", ("a", LINES))], "purpose", "nothing is uploaded for 'vision'"),
        ([("file", (None, LINES)), ("purpose", (None, "batch"))], "file", "this is a text"),
        ([("file", ("a", LINES)), ("file", ("b", LINES))], "file", "is there twice"),
        ([("purpose", (None, "x" * 5000))], "purpose", "4096 bytes at most"),
        ([("a" * 200, (None, "x" * 5000))], "a" * 100, "4096 bytes at most"),
    ],
)
async def test_a_form_that_is_wrong_leaves_nothing(
    client: httpx.AsyncClient, contract: Contract, settings: Settings, form: Any, param: str, sentence: str
) -> None:
    error = check(contract, await client.post("/v1/files", files=form), 400)["error"]
    assert error["param"] == param
    assert sentence in error["message"]
    assert stored(settings) == []


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"content-type": "application/json"}, 415),
        ({}, 415),
        ({"content-type": "multipart/form-data"}, 400),
        ({"content-type": "multipart/form-data; boundary=x"}, 400),
        ({"content-type": "multipart/form-data; boundary=x", "content-encoding": "gzip"}, 415),
    ],
)
async def test_a_body_that_is_no_form_is_refused(
    client: httpx.AsyncClient, contract: Contract, headers: dict[str, str], status: int, settings: Settings
) -> None:
    response = await client.post("/v1/files", content=b"{}", headers=headers)
    check(contract, response, status)
    if status == 415 and "content-encoding" not in headers:
        assert response.headers["accept"] == "multipart/form-data"
    assert stored(settings) == []


async def test_a_form_without_an_end_leaves_nothing(
    client: httpx.AsyncClient, contract: Contract, settings: Settings
) -> None:
    form = b'--x\r\ncontent-disposition: form-data; name="purpose"\r\n\r\nbatch\r\n'
    form += b'--x\r\ncontent-disposition: form-data; name="file"; filename="a"\r\n\r\n{}'
    headers = {"content-type": "multipart/form-data; boundary=x"}
    error = check(contract, await client.post("/v1/files", content=form, headers=headers), 400)["error"]
    assert error["message"] == "The form cannot be read: its last boundary is missing."
    assert stored(settings) == []


@pytest.mark.parametrize("is_announced", [True, False])
@pytest.mark.parametrize("size", [4 * MIB + 1, 8 * MIB])
async def test_a_file_that_is_too_long_leaves_nothing(
    client: httpx.AsyncClient, contract: Contract, settings: Settings, size: int, *, is_announced: bool
) -> None:
    request = client.build_request("POST", "/v1/files", files={"file": ("a", bytes(size))}, data=PURPOSE)
    if not is_announced:
        content = request.read()

        async def chunks() -> AsyncIterator[bytes]:
            for at in range(0, len(content), 1000):
                yield content[at : at + 1000]

        headers = {"content-type": request.headers["content-type"]}
        request = client.build_request("POST", "/v1/files", content=chunks(), headers=headers)
    error = check(contract, await client.send(request), 413)["error"]
    assert error["message"] == f"The file is larger than {4 * MIB} bytes (files.max_bytes)."
    assert stored(settings) == []
    check(contract, await upload(client, bytes(4 * MIB)))


async def test_a_tenant_has_so_many_files(client: httpx.AsyncClient, contract: Contract, settings: Settings) -> None:
    answers = await asyncio.gather(*(upload(client) for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [200] * 5 + [400] * 3
    refused = next(answer for answer in answers if answer.status_code == 400)
    assert "as many as the operator allows (files.max_files)" in check(contract, refused, 400)["error"]["message"]
    assert len(stored(settings)) == 5
    check(contract, await upload(client, headers=RIVAL))


async def begin_upload(ingress: Serving, settings: Settings) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Half an upload, of which something is in storage."""
    reader, writer = await ingress.raw()
    head = b'--x\r\ncontent-disposition: form-data; name="file"; filename="a"\r\n\r\n'
    writer.write(
        b"POST /v1/files HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer acme\r\n"
        b"content-type: multipart/form-data; boundary=x\r\ncontent-length: %d\r\n\r\n" % (4 * MIB) + head
    )
    writer.write(bytes(2 * MIB))

    async def has_begun() -> bool:
        return any(path.stat().st_size for path in stored(settings))

    await until(has_begun)
    return reader, writer


async def test_an_upload_that_is_cut_leaves_nothing(ingress: Serving, settings: Settings) -> None:
    _, writer = await begin_upload(ingress, settings)
    writer.close()
    await until(lambda: is_empty(settings))
    assert (await ingress.client.get("/v1/files")).json()["data"] == []


async def test_an_upload_that_stands_still_is_given_up(ingress: Serving, settings: Settings) -> None:
    reader, writer = await begin_upload(ingress, settings)
    answer = await reader.read()
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert stored(settings) == []
    writer.close()


@pytest.mark.parametrize(
    ("number", "status", "code"),
    [(errno.ENOSPC, 503, "server_is_overloaded"), (errno.EROFS, 503, "service_unavailable")],
)
async def test_a_storage_that_takes_nothing_is_told(
    client: httpx.AsyncClient,
    contract: Contract,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    number: int,
    status: int,
    code: str,
) -> None:
    def fail(_self: FolderDraft, _data: bytes) -> None:
        raise OSError(number, "No.")

    with monkeypatch.context() as patch:
        patch.setattr(FolderDraft, "write", fail)
        response = await upload(client)
    error = check(contract, response, status)["error"]
    assert error["code"] == code
    assert error["message"].startswith("The storage of files")
    assert response.headers["x-should-retry"] == "true"
    assert int(response.headers["retry-after"]) > 0
    assert stored(settings) == []
    # It is over as soon as it is over.
    check(contract, await upload(client))


async def test_a_file_whose_content_is_lost_is_told(
    client: httpx.AsyncClient, contract: Contract, settings: Settings
) -> None:
    made = check(contract, await upload(client))
    (path,) = stored(settings)
    path.unlink()
    check(contract, await client.get(f"/v1/files/{made['id']}/content"), 404)
    check(contract, await client.delete(f"/v1/files/{made['id']}"))


async def test_a_content_that_breaks_off_is_seen_to(ingress: Serving, settings: Settings) -> None:
    async with ingress.context.storage.write("batches/1/0") as writer:
        await writer.write(b"begun")
    parts = [Part("batches/1/0", 5), Part("batches/1/1", 5)]
    await ingress.context.broker.run(files.put("acme", made_file("file-1", 1, parts)))
    with pytest.raises(httpx.TransportError):
        await ingress.client.get("/v1/files/file-1/content")
    assert (await ingress.client.get("/v1/files/file-1")).status_code == 200


async def test_an_expired_file_is_not_there(ingress: Serving, contract: Contract) -> None:
    now_ms = await ingress.context.broker.ask(observing.clock_ms())
    await ingress.context.broker.run(files.put("acme", made_file("file-1", now_ms - 10, [], expires_ms=now_ms)))
    check(contract, await ingress.client.get("/v1/files/file-1"), 404)
    assert check(contract, await ingress.client.get("/v1/files"))["data"] == []


async def test_a_client_that_does_not_read_holds_up_nobody(ingress: Serving) -> None:
    made = (await upload(ingress.client, bytes(4 * MIB))).json()
    _, writer = await ingress.raw()
    writer.write(
        f"GET /v1/files/{made['id']}/content HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer acme\r\n\r\n".encode()
    )
    for _ in range(20):
        response = await ingress.client.get(f"/v1/files/{made['id']}/content")
        assert len(response.content) == 4 * MIB
    writer.close()


async def test_a_client_that_hangs_up_in_a_download_is_no_trouble(
    ingress: Serving, caplog: pytest.LogCaptureFixture
) -> None:
    made = (await upload(ingress.client, bytes(4 * MIB))).json()
    reader, writer = await ingress.raw()
    writer.write(
        f"GET /v1/files/{made['id']}/content HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer acme\r\n\r\n".encode()
    )
    assert await reader.read(100)
    writer.transport.abort()

    async def is_over() -> bool:
        return not ingress.server.server_state.tasks

    await until(is_over)
    assert caplog.records == []
