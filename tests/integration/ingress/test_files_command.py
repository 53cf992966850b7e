"""`penstock files` against a real ingress: transfers that are whole or leave nothing."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import signal
from pathlib import Path

import pytest

from tests.eventual import until
from tests.integration.ingress.conftest import Serve
from tests.integration.ingress.serving import Serving
from tests.integration.ingress.shell import PENSTOCK, begun, ended, line_to, run

LINES = b'{"custom_id": "1"}\n'
LONG = LINES * 1_000_000


@pytest.fixture
async def ingress(serve: Serve) -> Serving:
    return await serve(files={"max_bytes": 32 << 20})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / 'größe "1".jsonl'
    path.write_bytes(LINES)
    return path


async def uploaded(ingress: Serving, content: bytes = LONG) -> str:
    made = await ingress.client.post("/v1/files", files={"file": ("a.jsonl", content)}, data={"purpose": "batch"})
    file_id: str = made.json()["id"]
    return file_id


def sizes(folder: Path) -> dict[str, int]:
    """Of all that is in it."""
    return {path.name: path.stat().st_size for path in folder.iterdir()}


async def test_a_file_goes_there_and_comes_back(ingress: Serving, path: Path, tmp_path: Path) -> None:
    made = await run(ingress.port, "files", "upload", str(path))
    assert (made.status, made.err) == (0, "")
    file_id = made.out.strip()
    listed = await run(ingress.port, "files", "list")
    assert file_id in listed.out
    assert "batch" in listed.out
    (shown,) = (await run(ingress.port, "files", "list", "--json")).json
    assert json.loads((await run(ingress.port, "files", "show", file_id)).out) == shown
    assert (shown["filename"], shown["bytes"]) == ("größe %221%22.jsonl", len(LINES))
    assert (await run(ingress.port, "files", "download", file_id)).out == LINES.decode()
    back = tmp_path / "back.jsonl"
    assert (await run(ingress.port, "files", "download", file_id, "-o", str(back))).status == 0
    assert back.read_bytes() == LINES
    deleted = await run(ingress.port, "files", "delete", file_id, "file-0")
    assert deleted.status == 1
    assert [line.split()[0] for line in deleted.out.splitlines()] == [file_id, "file-0"]
    assert (await run(ingress.port, "files", "list")).out == ""


async def test_files_are_listed_newest_first_and_twenty_of_them(ingress: Serving) -> None:
    made = [await uploaded(ingress, LINES) for _ in range(21)][::-1]
    twenty, two, everything = [
        [one["id"] for one in (await run(ingress.port, "files", "list", "--json", *words)).json]
        for words in ([], ["--limit", "2"], ["--all"])
    ]
    assert (twenty, two, everything) == (made[:20], made[:2], made)


async def test_a_file_says_how_long_it_is_kept(ingress: Serving, path: Path) -> None:
    (made,) = (await run(ingress.port, "files", "upload", str(path), "--expires-after", "3600", "--json")).json
    assert made["expires_at"] == made["created_at"] + 3600
    wrong = await run(ingress.port, "files", "upload", str(path), "--expires-after", "1")
    assert wrong.status == 2
    assert "expires_after[seconds]: '1' is no number from 3600 to 2592000" in wrong.err


@pytest.mark.parametrize("words", [["upload", "/nowhere/a.jsonl"], ["upload", "/dev/null"], ["upload", "/tmp"]])
async def test_what_cannot_be_read_is_told(ingress: Serving, words: list[str]) -> None:
    done = await run(ingress.port, "files", *words)
    assert done.status == 2
    assert done.err.startswith(f"penstock: {words[1]}")
    assert done.err.count("\n") == 1


async def test_a_file_that_is_too_long_is_told_with_the_limit(ingress: Serving, tmp_path: Path) -> None:
    long = tmp_path / "long.jsonl"
    with long.open("wb") as file:
        file.truncate(40 << 20)
    done = await run(ingress.port, "files", "upload", str(long))
    assert done.status == 2
    assert done.err == f"penstock: The file is larger than {32 << 20} bytes (files.max_bytes).\n"


async def test_a_download_that_is_cut_goes_on_and_is_whole(ingress: Serving, tmp_path: Path) -> None:
    file_id, back = await uploaded(ingress), tmp_path / "back.jsonl"
    async with line_to(ingress.port) as line:
        process = await begun(line.port, "files", "download", file_id, "-o", str(back))

        async def has_begun() -> bool:
            return any(sizes(tmp_path).values())

        await until(has_begun)
        line.cut()
        done = await ended(process)
    assert (done.status, done.err) == (0, "")
    assert back.read_bytes() == LONG
    assert list(sizes(tmp_path)) == ["back.jsonl"]


async def test_a_download_that_is_left_leaves_what_was_there(ingress: Serving, tmp_path: Path) -> None:
    file_id, back = await uploaded(ingress), tmp_path / "back.jsonl"
    back.write_text("old")
    async with line_to(ingress.port) as line:
        process = await begun(line.port, "files", "download", file_id, "-o", str(back))

        async def has_begun() -> bool:
            return any(size for name, size in sizes(tmp_path).items() if name != back.name)

        await until(has_begun)
        process.send_signal(signal.SIGINT)
        done = await ended(process)
    assert done.status in (0, 130)
    assert list(sizes(tmp_path)) == ["back.jsonl"]
    assert back.read_bytes() == (b"old" if done.status else LONG)


async def test_a_file_that_is_not_there_is_told(ingress: Serving, tmp_path: Path) -> None:
    back = tmp_path / "back.jsonl"
    done = await run(ingress.port, "files", "download", "file-0", "-o", str(back))
    assert done.status == 1
    assert done.err == "penstock: There is no file 'file-0', or none any more.\n"
    assert sizes(tmp_path) == {}


async def test_a_place_that_takes_no_file_is_told(ingress: Serving, tmp_path: Path) -> None:
    file_id = await uploaded(ingress, LINES)
    done = await run(ingress.port, "files", "download", file_id, "-o", str(tmp_path / "nowhere" / "a"))
    assert done.status == 2
    assert "No such file or directory" in done.err


async def test_a_person_sees_how_far_it_is(ingress: Serving, path: Path) -> None:
    leader, follower = pty.openpty()
    process = await asyncio.create_subprocess_exec(
        *PENSTOCK,
        *("files", "upload", str(path), "--url", f"http://127.0.0.1:{ingress.port}"),
        stdout=asyncio.subprocess.PIPE,
        stderr=follower,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "120"},
    )
    os.close(follower)
    out, _ = await process.communicate()
    seen = os.read(leader, 1 << 16).decode()
    os.close(leader)
    assert out.startswith(b"file-")
    assert "größe" in seen
    assert "19" in seen
