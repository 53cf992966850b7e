"""Which journal entries recovery needs."""

from __future__ import annotations

from tests.unit.workers.runs import a_run
from workers.window import JournalWindow


def test_a_journal_nobody_needs_may_go_up_to_its_last_entry() -> None:
    window = JournalWindow(100)
    run = a_run()
    window.open(run)
    window.wrote("5-0")
    assert window.oldest == "0"
    window.close(run)
    assert window.oldest == "5-0"


def test_a_journal_is_spent_once_no_run_is_open_and_until_it_is_cleared() -> None:
    window = JournalWindow(100)
    first, second = a_run("first"), a_run("second")
    assert window.spent == ""
    for run, entry in ((first, "1-0"), (second, "2-0")):
        window.open(run)
        window.wrote(entry)
    window.close(first)
    assert window.spent == ""
    window.close(second)
    assert window.spent == "2-0"
    window.cleared("1-0")
    assert window.spent == "2-0"
    window.cleared("2-0")
    assert window.spent == ""


def test_the_oldest_open_run_decides() -> None:
    window = JournalWindow(100)
    first, second = a_run("first"), a_run("second")
    window.wrote("1-0")
    window.open(first)
    window.wrote("2-0")
    window.open(second)
    window.wrote("3-0")
    assert window.oldest == "1-0"
    window.close(first)
    assert window.oldest == "2-0"


def test_a_run_is_due_for_its_record_after_so_many_steps_and_then_again() -> None:
    window = JournalWindow(3)
    run = a_run()
    window.open(run)
    for step in range(1, 4):
        assert window.due() == []
        window.wrote(f"{step}-0")
    assert window.due() == [run]
    window.open(run)
    assert window.oldest == "3-0"
    assert window.due() == []


def test_few_runs_are_written_into_their_records_at_a_time() -> None:
    window = JournalWindow(1)
    runs = [a_run(str(number)) for number in range(10)]
    for run in runs:
        window.open(run)
    window.wrote("1-0")
    assert window.due() == runs[:4]


def test_closing_twice_does_no_harm() -> None:
    window = JournalWindow(1)
    run = a_run()
    window.open(run)
    window.close(run)
    window.close(run)
    assert window.due() == []
