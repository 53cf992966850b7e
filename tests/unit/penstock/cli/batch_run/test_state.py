from __future__ import annotations

import fcntl
from pathlib import Path
from typing import Any

import msgspec
import pytest

from penstock.cli.batch_run.state import Place, RunBusyError, RunState, Step, first_step, locked
from penstock.errors import SettingsError

HERE = ["--local"]
THERE = ["--url", "http://a"]
BEGUN = RunState(input="d", options={"--prompt": "Greet {name}.", "--max-tokens": 8}, host=THERE, token="t")
SUBMITTED = msgspec.structs.replace(BEGUN, file="f", batch="b")
DONE = msgspec.structs.replace(BEGUN, file="f", batch="b", is_done=True)
WANTED = msgspec.structs.replace(BEGUN, token="another")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def place(*, has_output: bool = False) -> Place:
    return Place(output=Path("out"), state=Path("out.state.json"), has_output=has_output, folder=Path("out.penstock"))


@pytest.mark.parametrize(
    ("former", "has_output", "is_kept", "step"),
    [
        (None, False, True, Step.BEGIN),
        (BEGUN, False, True, Step.GO_ON),
        # It was put in its place, and the process died before it could be written down.
        (BEGUN, True, True, Step.GO_ON),
        (DONE, True, False, Step.NOTHING),
        (DONE, False, True, Step.GO_ON),
        (DONE, False, False, Step.BEGIN),
    ],
)
def test_the_same_command_goes_on(*, former: RunState | None, has_output: bool, is_kept: bool, step: Step) -> None:
    assert first_step(former, WANTED, place=place(has_output=has_output), is_kept=is_kept) is step


def test_a_file_that_is_no_output_of_this_run_is_left_alone() -> None:
    with pytest.raises(SettingsError, match=r"^--output: out is there already; delete it, or name another file\.$"):
        first_step(None, WANTED, place=place(has_output=True), is_kept=True)


@pytest.mark.parametrize(
    ("fields", "difference"),
    [
        ({"input": "e"}, "with another input"),
        ({"host": HERE}, "with --url http://a (now --local)"),
        ({"options": {**BEGUN.options, "--max-tokens": 4}}, "with --max-tokens 8 (now 4)"),
        ({"options": {"--prompt": "Greet {name}."}}, "with --max-tokens 8 (now without it)"),
        ({"options": {**BEGUN.options, "--system": "Be brief."}}, "without --system"),
        ({"options": {**BEGUN.options, "--prompt": "Greet {name}. " * 9}}, "with another --prompt"),
        (
            {"input": "e", "host": HERE, "options": {"--max-tokens": 8}},
            'with --url http://a (now --local), with another input, with --prompt "Greet {name}." (now without it)',
        ),
    ],
)
def test_another_command_is_told_what_differs(fields: dict[str, Any], difference: str) -> None:
    other = msgspec.structs.replace(WANTED, **fields)
    with pytest.raises(SettingsError) as raised:
        first_step(BEGUN, other, place=place(), is_kept=True)
    assert str(raised.value) == (
        f"--output: out belongs to a run {difference} (out.state.json). Repeat that command to go on, or name another "
        "file. To begin anew, delete out.state.json."
    )


@pytest.mark.parametrize(
    ("former", "has_output", "advice"),
    [
        (BEGUN, False, "delete out.state.json."),
        (SUBMITTED, False, "run `penstock batch cancel b --url http://a` and delete out.state.json."),
        (SUBMITTED, True, "run `penstock batch cancel b --url http://a` and delete out.state.json and out."),
        (DONE, True, "delete out.state.json and out."),
        (msgspec.structs.replace(SUBMITTED, host=HERE), False, "delete out.state.json and out.penstock."),
        (msgspec.structs.replace(DONE, host=HERE), True, "delete out.state.json and out."),
    ],
)
def test_who_begins_anew_is_told_all_that_is_left_of_the_former_run(
    *, former: RunState, has_output: bool, advice: str
) -> None:
    other = msgspec.structs.replace(former, input="e")
    with pytest.raises(SettingsError) as raised:
        first_step(former, other, place=place(has_output=has_output), is_kept=True)
    assert str(raised.value).endswith(f"To begin anew, {advice}")


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "state"
    with locked(path) as file:
        assert file.read() is None
        file.write(BEGUN)
        file.write(DONE)
        assert file.read() == DONE
    with locked(path) as file:
        assert file.read() == DONE
    assert names(tmp_path) == ["state"]


def test_one_process_has_it_also_after_it_was_replaced(tmp_path: Path) -> None:
    path = tmp_path / "state"
    with locked(path) as file:
        for _ in range(2):
            with pytest.raises(RunBusyError, match=r"^Another `penstock batch run` is at work on it"), locked(path):
                pass
            file.write(BEGUN)


def test_who_opened_the_file_before_it_was_replaced_has_the_new_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "state"
    original, was_replaced = fcntl.flock, False

    def flock(descriptor: int, operation: int) -> None:
        nonlocal was_replaced
        if not was_replaced:
            was_replaced = True
            (tmp_path / "new").write_bytes(msgspec.json.encode(BEGUN))
            (tmp_path / "new").replace(path)
        original(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", flock)
    with locked(path) as file:
        assert file.read() == BEGUN


def test_a_run_that_wrote_nothing_leaves_nothing(tmp_path: Path) -> None:
    with locked(tmp_path / "state"):
        pass
    assert names(tmp_path) == []


def test_a_run_that_is_forgotten_leaves_nothing(tmp_path: Path) -> None:
    with locked(tmp_path / "state") as file:
        file.write(BEGUN)
        file.delete()
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    "content", [b"{", b'{"input": "d"}', b'{"input": "d", "options": {}, "host": [], "token": "", "new": 1}']
)
def test_a_state_of_another_kind_is_not_guessed_at(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "state").write_bytes(content)
    with locked(tmp_path / "state") as file, pytest.raises(SettingsError, match="delete it to begin anew"):
        file.read()
    assert (tmp_path / "state").read_bytes() == content


def test_where_nothing_can_be_written_nothing_is_begun(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"^--output: cannot write .*: No such"), locked(tmp_path / "no" / "state"):
        pass
