"""One job's bookkeeping."""

from __future__ import annotations

from penstock.broker.submission import MAX_LISTENERS
from penstock.frames import Generated, Row
from penstock.job import State
from penstock.request import Sampling
from penstock.text.sim_tokenizer import WORD_IDS, SimulatedTokenizer
from tests.unit.workers.runs import a_run
from workers.engine.base import Finish, Output
from workers.job.answer import PlainAnswer
from workers.job.run import NO_TOKEN, Run

WORDS = list(WORD_IDS[:6])


def planned(run: Run, **sampling: object) -> Run:
    run.answer = PlainAnswer(SimulatedTokenizer(), Sampling(**sampling), [])  # type: ignore[arg-type]
    run.answer.replay(run.tokens)
    rows: list[Row] = []
    run.put_to(rows.append)
    return run


def output(*tokens: int, finish: Finish | None = None) -> Output:
    return Output("any", list(tokens), finish)


def test_each_token_is_put_once_and_the_last_go_with_the_end() -> None:
    run = planned(a_run())
    rows: list[Row] = []
    run.put_to(rows.append)
    for tokens in (WORDS[:1], WORDS[1:2], WORDS[2:4]):
        run.take(output(*tokens))
    run.take(output(*WORDS[4:], finish=Finish.LENGTH))
    assert [(offset, token) for _, _, offset, token, _ in rows] == list(enumerate(WORDS[:4]))
    assert (run.last().offset, run.last().tokens) == (4, WORDS[4:])
    assert [piece for *_, piece in rows] + run.last().pieces == run.pieces
    since = run.since(1)
    assert since is not None
    assert since.tokens == run.sent_so_far.tokens[1:] == WORDS[1:4]
    assert run.since(4) is None
    assert run.whole().tokens == WORDS


def test_what_former_workers_generated_is_not_put_again() -> None:
    run = planned(a_run(prefix=Generated(WORDS[:2], ["a", "b"])))
    rows: list[Row] = []
    run.put_to(rows.append)
    run.take(output(WORDS[2]))
    assert ([offset for _, _, offset, *_ in rows], run.generated.tokens) == ([2], WORDS[:3])


def test_tokens_after_a_stop_string_do_not_count() -> None:
    text = SimulatedTokenizer().decode(WORDS)
    run = planned(a_run(), stop=(text[1:4],))
    run.take(output(*WORDS))
    assert run.answer.finish is Finish.STOP
    assert len(run.tokens) == len(run.pieces) < len(WORDS)
    assert run.completion.completion_tokens == len(run.tokens)


class LastWords(PlainAnswer):
    """Chunks that end an engine-written answer without a token of their own."""

    def take(self, output: Output) -> list[str]:
        return [*super().take(output), '{"choices":[]}']


def test_a_piece_without_a_token_has_an_offset_and_is_not_charged() -> None:
    run = a_run(prefix=Generated(WORDS[:1], ["x"]))
    run.answer = LastWords(SimulatedTokenizer(), Sampling(), [])
    run.take(output(finish=Finish.LENGTH))
    assert (run.tokens, run.pieces) == ([WORDS[0], NO_TOKEN], ["x", '{"choices":[]}'])
    assert run.completion.completion_tokens == 1


def test_listeners_are_sorted_by_what_they_want() -> None:
    run = a_run(listeners="s:one,f:two,s:three")
    assert (run.channels, run.final_channels) == (("one", "three"), ("two",))
    run.attach("s:two")
    run.attach("s:one")
    assert run.channels == ("three", "two", "one")


def test_the_oldest_of_too_many_listeners_goes() -> None:
    run = a_run(listeners="s:first")
    for number in range(MAX_LISTENERS):
        run.attach(f"s:{number}")
    assert len(run.channels) == MAX_LISTENERS
    assert "first" not in run.channels


def test_an_end_carries_usage() -> None:
    run = planned(a_run())
    run.prompt_tokens = 9
    run.take(Output("any", WORDS[:2], cached_tokens=4))
    end = run.ending(State.CANCELLED)
    assert (end.prompt_tokens, end.completion_tokens, end.cached_tokens) == (9, 2, 4)
