"""The scripts of files: each may be run twice, late, or by two at a time."""

from __future__ import annotations

from penstock.broker import files
from penstock.broker.keys import TenantKeys
from penstock.files.file import File, Part, Purpose
from tests.integration.open_broker import OpenBroker

TENANT = "acme"
KEYS = TenantKeys(TENANT)


def made(file_id: str = "file-1", expires_ms: int = 2000) -> File:
    return File(
        id=file_id,
        tenant=TENANT,
        filename="a.jsonl",
        bytes=5,
        lines=1,
        purpose=Purpose.BATCH,
        created_ms=1000,
        expires_ms=expires_ms,
        parts=(Part(f"files/acme/{file_id}", 5),),
    )


async def put(broker: OpenBroker, file: File, most: int | None = None) -> str:
    return await broker.run(files.put(TENANT, file, most))


async def test_a_file_is_recorded_once_and_stays_as_it_is(broker: OpenBroker) -> None:
    assert [await put(broker, made()), await put(broker, made(expires_ms=9000))] == ["put", "exists"]
    assert await broker.ask(files.file(TENANT, "file-1")) == made()
    assert await broker.ask(files.count(TENANT)) == 1
    assert await broker.ask(files.place_of(TENANT, "file-1")) == (1000, "file-1")
    assert await broker.ask(files.place_of(TENANT, "file-2")) is None


async def test_a_tenant_has_so_many_files_and_no_more(broker: OpenBroker) -> None:
    assert [await put(broker, made(f"file-{number}"), 2) for number in range(3)] == ["put", "put", "full"]
    # A repeat finds what it made, full or not; and what batches make is always taken.
    assert await put(broker, made("file-0"), 2) == "exists"
    assert await put(broker, made("file-3")) == "put"
    assert await broker.ask(files.file(TENANT, "file-2")) is None


async def test_a_file_is_deleted_once_and_a_repeat_is_told_the_same(broker: OpenBroker) -> None:
    await put(broker, made())
    assert [await broker.run(files.delete(TENANT, "file-1")) for _ in range(2)] == [made().parts, made().parts]
    assert await broker.ask(files.file(TENANT, "file-1")) is None
    assert await broker.ask(files.count(TENANT)) == 0
    assert await broker.run(files.delete(TENANT, "file-2")) is None


async def test_a_file_that_was_deleted_stays_deleted(broker: OpenBroker) -> None:
    await put(broker, made())
    await broker.run(files.delete(TENANT, "file-1"))
    assert await put(broker, made()) == "deleted"
    assert await broker.ask(files.file(TENANT, "file-1")) is None
    assert await broker.ask(files.listed(TENANT, None, newest_first=True, skip=0, most=10)) == []


async def test_files_expire_in_their_order_and_those_that_never_do_do_not(broker: OpenBroker) -> None:
    for number, expires_ms in enumerate((3000, 0, 2000, 5000)):
        await put(broker, made(f"file-{number}", expires_ms))
    assert await broker.ask(files.expired(TENANT, 3000, 10)) == ["file-2", "file-0"]
    assert await broker.ask(files.expired(TENANT, 3000, 1)) == ["file-2"]
    await broker.run(files.delete(TENANT, "file-2"))
    assert await broker.ask(files.expired(TENANT, 3000, 10)) == ["file-0"]


async def test_something_else_under_a_key_holds_nobody_up(broker: OpenBroker) -> None:
    await broker.client.set(KEYS.files, "no zset")
    await broker.client.set(KEYS.file("file-1"), "no hash")
    assert await put(broker, made()) == "put"
    assert await broker.ask(files.file(TENANT, "file-1")) == made()


async def test_a_tenant_is_forgotten_unless_it_came_back(broker: OpenBroker) -> None:
    await broker.run(files.touch(TENANT, 1000))
    assert await broker.ask(files.tenants()) == [TENANT]
    assert await broker.run(files.forget_tenant(TENANT, 1000)) == "kept"
    assert [await broker.run(files.forget_tenant(TENANT, 1001)) for _ in range(2)] == ["forgotten", "forgotten"]
    assert await broker.ask(files.tenants()) == []
