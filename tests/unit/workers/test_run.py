"""One job's bookkeeping."""

from __future__ import annotations

from penstock.broker.submission import MAX_LISTENERS
from penstock.frames import Generated
from penstock.job import State
from penstock.request import Sampling
from penstock.sim_tokenizer import WORD_IDS, SimulatedTokenizer
from tests.unit.workers.runs import a_run
from workers.answer import PlainAnswer
from workers.engine.base import Finish, Output
from workers.run import NO_TOKEN, Run

WORDS = list(WORD_IDS[:6])


def planned(run: Run, **sampling: object) -> Run:
    run.answer = PlainAnswer(SimulatedTokenizer(), Sampling(**sampling), [])  # type: ignore[arg-type]
    run.answer.replay(run.tokens)
    return run


def output(*tokens: int, finish: Finish | None = None) -> Output:
    return Output("any", list(tokens), finish)


def test_deltas_follow_one_another_without_gap_or_overlap() -> None:
    run = planned(a_run())
    run.take(output(WORDS[0]))
    first = run.delta()
    run.take(output(WORDS[1], WORDS[2]))
    second = run.delta()
    assert (first.offset, len(first.tokens)) == (0, 1)
    assert (second.offset, second.tokens) == (1, WORDS[1:3])
    assert run.since(1) == second
    assert run.since(3) is None
    assert run.whole().tokens == WORDS[:3]


def test_what_former_workers_generated_counts_as_sent() -> None:
    run = planned(a_run(prefix=Generated(WORDS[:2], ["a", "b"])))
    run.take(output(WORDS[2]))
    assert (run.delta().offset, run.generated.tokens) == (2, WORDS[:3])


def test_tokens_after_a_stop_string_do_not_count() -> None:
    text = SimulatedTokenizer().decode(WORDS)
    run = planned(a_run(), stop=(text[1:4],))
    run.take(output(*WORDS))
    assert run.answer.finish is Finish.STOP
    assert len(run.tokens) == len(run.pieces) < len(WORDS)
    assert run.completion.completion_tokens == len(run.tokens)


class LastWords(PlainAnswer):
    """Chunks that end a rich answer without a token of their own."""

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
