"""`penstock batch run`: from a file of prompts to a file of results."""

from __future__ import annotations

import secrets
import shlex
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, BinaryIO

import msgspec

from penstock.batches.batch import pool_of_batch
from penstock.cli.batch_input.batch_input import BatchInput, opened
from penstock.cli.batch_run import outcome, results, state
from penstock.cli.batch_run.display import display
from penstock.cli.batch_run.signals import ToldToEnd, raised
from penstock.cli.batch_run.state import Place, RunState, StateFile, Step
from penstock.cli.batch_run.submitting import submit, withdraw
from penstock.cli.batch_run.wanted import Wanted, require_output
from penstock.cli.options import EXIT_LINES_FAILED, EXIT_OK
from penstock.cli.printable import printable, printable_lines
from penstock.cli.remote import batches
from penstock.cli.remote.batch_meter import Counts
from penstock.cli.remote.failures import RefusedError, ServerError
from penstock.cli.remote.patience import GIVE_UP_S
from penstock.cli.remote.submission import only
from penstock.errors import PenstockError, SettingsError

if TYPE_CHECKING:
    from penstock.cli.batch_run.host import Host

#: The most between two looks.
_LOOK_S = 1.0
_NOT_FOUND = 404
#: The requests, or their batch, are refused as they are: nothing has been begun.
_REFUSED_FOR_GOOD = frozenset({400, 409, 413, 415})


class RunFailedError(PenstockError):
    """The run has no results; the message says why."""


def run(wanted: Wanted, host: Host) -> int:
    """Have the input answered. Raises SettingsError, ServerError, LocalStackError, RunFailedError, IncompleteError."""
    require_output(wanted.output, wanted.input)
    try:
        with opened(wanted.input) as file, raised():
            given = BatchInput(file, wanted.terms)
            with state.locked(wanted.state) as state_file:
                return Run(wanted, given, host, state_file).finished()
    except ToldToEnd as told:
        return 128 + told.number
    except OSError as error:
        raise RunFailedError(f"--output: {wanted.output}: {error.strerror or error}.") from None


class Run:
    """One attempt at a run, which goes on where the one before it was."""

    def __init__(self, wanted: Wanted, given: BatchInput, host: Host, state_file: StateFile) -> None:
        self._wanted = wanted
        self._given = given
        self._host = host
        self._state_file = state_file
        self._window = wanted.window or host.window
        self._display = display(quiet=wanted.is_quiet)
        #: Whether nothing has come of it that anybody could go on with; nothing is written down then.
        self._was_nothing = False
        host.patience.watch = self._wait
        self._state = RunState(
            input=given.digest(), options=wanted.options, host=host.options, token=secrets.token_urlsafe(16)
        )

    def finished(self) -> int:
        """Do what is left to be done; returns the exit status."""
        output, former = self._wanted.output, self._state_file.read()
        place = Place(output=output, state=self._wanted.state, has_output=output.exists(), folder=self._wanted.folder)
        step = state.first_step(former, self._state, place=place, is_kept=self._host.keeps_results)
        if former is None or step is Step.BEGIN:
            # A run that was given up would have its share of the engine.
            self._host.forget()
        else:
            self._state = former
        try:
            if step is not Step.NOTHING:
                self._do()
            elif self._wanted.is_ordered:
                self._sort()
        finally:
            if self._state.is_done or self._was_nothing:
                self._host.forget()
        return self._concluded(was_there=step is Step.NOTHING)

    def _do(self) -> None:
        with self._requests() as requests:
            if self._host.notice:
                self._display.say(self._host.notice)
            with self._host, self._leaving(), self._display:
                if self._host.address:
                    self._display.say(self._host.address)
                if not self._state.batch:
                    self._submit(requests)
                self._write(self._ended())

    @contextmanager
    def _requests(self) -> Iterator[BinaryIO]:
        """The file to upload. One that is made for it has no name, and so leaves nothing behind."""
        if self._state.file:
            yield self._given.file
            return
        models = self._models()
        if not self._given.is_converted:
            yield self._given.file
            return
        with tempfile.TemporaryFile(dir=self._wanted.output.absolute().parent) as file:
            self._given.write_requests(file, self._given.model or only(models))
            # Its size is asked for.
            file.flush()
            yield file

    def _models(self) -> list[str]:
        """What is served. Raises ServerError, and SettingsError where the model that is asked for is not."""
        models, wanted = self._host.models(), self._given.model
        if wanted is not None and wanted not in models:
            raise SettingsError(
                f"{self._given.model_source}: the model {wanted[:100]!r} is not served; there is "
                f"{', '.join(models) or 'none'}."
            )
        return models

    def _submit(self, requests: BinaryIO) -> None:
        self._display.say(f"Uploading {printable(self._wanted.input)}")
        try:
            self._state = submit(
                self._host,
                self._state_file,
                self._state,
                requests,
                name=f"{self._wanted.output.name}.requests.jsonl",
                endpoint=self._given.endpoint,
                window=self._window,
            )
        except ServerError as error:
            file = self._written().file
            if not file or (isinstance(error, RefusedError) and error.status in _REFUSED_FOR_GOOD):
                self._forget(file)
            raise
        self._display.say(f"Batch {printable(self._state.batch)}")

    def _ended(self) -> Mapping[str, Any]:
        """The batch after its end. Raises RunFailedError where it has nothing to show."""
        batch = self._followed()
        if not outcome.has_results(batch):
            self._forget(batch["input_file_id"])
            raise RunFailedError(outcome.failure(batch, self._wanted.input))
        return batch

    def _followed(self) -> Mapping[str, Any]:
        looks = batches.progress(self._host.server, self._state.batch, self._host.patience, sleep=_sleep)
        batch: Mapping[str, Any] = {}
        waits_for = ""
        try:
            for batch in looks:
                if batch["request_counts"]["total"]:
                    self._display.show(Counts.of(batch))
                former, waits_for = waits_for, self._host.waits_for(pool_of_batch(self._state.batch) or "")
                if waits_for not in ("", former):
                    self._display.say(waits_for)
        except RefusedError as error:
            if error.status != _NOT_FOUND:
                raise
            raise RunFailedError(
                f"There is no batch {self._state.batch} any more at {self._host.server.url}: delete "
                f"{self._wanted.state} to begin anew."
            ) from None
        return batch

    def _write(self, batch: Mapping[str, Any]) -> None:
        """Put the results in their place, then write down that they are there."""
        files = [batch[name] for name in ("output_file_id", "error_file_id") if batch[name]]
        results.write(
            self._wanted.output,
            [partial(self._download, file) for file in files],
            results.Requests(ids=self._given.custom_ids, are_in_order=self._wanted.is_ordered),
        )
        self._state = msgspec.structs.replace(
            self._state, is_done=True, failed=outcome.unanswered(batch), status=batch["status"]
        )
        self._state_file.write(self._state)

    def _download(self, file_id: str, target: BinaryIO) -> None:
        target.writelines(batches.download(self._host.server, file_id, self._host.patience))

    def _sort(self) -> None:
        """Put an output that is there in order. Raises RunFailedError where it is not as it was written."""
        try:
            results.sort(self._wanted.output, self._given.custom_ids)
        except results.IncompleteError:
            raise RunFailedError(
                f"--ordered: {self._wanted.output} was changed after it was written, and cannot be sorted; it is left "
                "as it is."
            ) from None

    def _forget(self, file: str) -> None:
        self._state_file.delete()
        self._was_nothing = True
        if file:
            withdraw(self._host, file)

    def _written(self) -> RunState:
        """The state as far as it is written down."""
        return self._state_file.read() or self._state

    def _away(self, error: ServerError) -> str:
        return str(error) if isinstance(error, RefusedError) else f"No server answers at {self._host.server.url}."

    def _wait(self, error: ServerError | None) -> None:
        if error is None:
            self._display.say("The server answers again.")
        else:
            self._display.wait(f"{printable(self._away(error))} Trying again for {GIVE_UP_S:.0f} s at most.")

    @contextmanager
    def _leaving(self) -> Iterator[None]:
        """Tell somebody who leaves before the end how to go on, or who is made to leave."""
        try:
            yield
        except ServerError as error:
            if not error.may_pass or self._was_nothing:
                raise
            raise RunFailedError(f"{self._away(error)} {self._host.kept(self._state.batch)}") from None
        except OSError as error:
            raise RunFailedError(
                f"--output: {self._wanted.output}: {error.strerror or error}.{self._rescue()}"
            ) from None
        except KeyboardInterrupt:
            print(f"penstock: {printable_lines(self._host.leaving(self._state.batch))}", file=sys.stderr)
            raise

    def _rescue(self) -> str:
        """How to come by the results of a batch whose output cannot be written."""
        if not self._state.batch:
            return ""
        if self._wanted.state.exists():
            return f" Batch {self._state.batch} is kept: run the same command again to go on."
        again = shlex.join(["penstock", "batch", "download", self._state.batch, *self._host.options])
        return f" The results of batch {self._state.batch}: {again}" if self._host.keeps_results else ""

    def _concluded(self, *, was_there: bool) -> int:
        """Say how it ended; returns the exit status."""
        output = printable(str(self._wanted.output))
        if not self._wanted.is_quiet:
            print(f"Results: {output}{' (already there: nothing was asked)' if was_there else ''}")
        if not self._state.failed:
            return EXIT_OK
        told = outcome.shortfall(self._state.batch, self._state.status, self._state.failed, output)
        print(f"penstock: {told}", file=sys.stderr)
        return EXIT_LINES_FAILED


def _sleep(seconds: float) -> None:
    time.sleep(min(seconds, _LOOK_S))
