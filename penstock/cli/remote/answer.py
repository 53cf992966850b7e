"""A job's answer on standard output as it comes, and what is said where a person leaves before its end."""

from __future__ import annotations

import select
import shlex
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from penstock.cli.printable import printable, printable_json, printable_lines
from penstock.cli.remote.following import Following, require_answer, text_of
from penstock.cli.remote.options import url_words
from penstock.errors import PenstockError


def show(following: Following, url: str) -> None:
    """Write the text as it comes. Raises ServerError, JobNotCompletedError, KeyboardInterrupt."""
    line = _Line()
    with _leaving(following, url, line):
        for event in following.events():
            with _uninterrupted():
                line.write(text_of(event))
                following.take(event)
    require_answer(following)


def show_events(following: Following, url: str) -> None:
    """Write each event as a line of JSON. Raises ServerError, JobNotCompletedError, KeyboardInterrupt."""
    with _leaving(following, url, _Line()):
        for event in following.events():
            with _uninterrupted():
                print(printable_json({"id": event.id, "data": event.value}), flush=True)
                following.take(event)
    require_answer(following)


def wait(following: Following, url: str) -> None:
    """Return when the job has ended. Raises ServerError, KeyboardInterrupt."""
    with _leaving(following, url, _Line()):
        for event in following.events():
            following.take(event)


def leaving(following: Following, url: str) -> str:
    """What becomes of a job that is not read on, and how to."""
    where = url_words(url)
    job = printable(following.job_id)
    after = ["--after", following.after] if following.after else []
    go_on, cancel = (
        shlex.join(["penstock", "jobs", *words, *where]) for words in (["events", job, *after], ["cancel", job])
    )
    return f"Job {job} goes on.\nIts answer from here: {go_on}\nTo cancel it: {cancel}"


class _Line:
    """The line on standard output that text is added to."""

    def __init__(self) -> None:
        self._is_open = False

    def write(self, text: str) -> None:
        """What a program reads is the answer itself; a terminal obeys nothing in it."""
        if not text:
            return
        shown = "\t".join(map(printable_lines, text.split("\t"))) if sys.stdout.isatty() else text
        sys.stdout.write(shown)
        sys.stdout.flush()
        self._is_open = not text.endswith("\n")

    def end(self) -> None:
        """Whatever comes next stands below."""
        if self._is_open:
            self.write("\n")


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Ctrl-C comes before what is written or after it: the place that is told then is the one that was reached."""
    # What is written then fits, and keeps nobody waiting who presses Ctrl-C.
    select.select([], [sys.stdout], [])
    former = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, former)


@contextmanager
def _leaving(following: Following, url: str, line: _Line) -> Iterator[None]:
    """End the line in any case; tell somebody who leaves before the end how to go on."""
    try:
        yield
    except KeyboardInterrupt:
        if sys.stdout.isatty():
            line.end()
        print(f"penstock: {leaving(following, url)}", file=sys.stderr)
        raise
    except PenstockError:
        line.end()
        raise
    line.end()
