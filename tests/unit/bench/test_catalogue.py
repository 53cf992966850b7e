"""Every bench says what it shows and how it is judged, and none is left out of the list."""

from __future__ import annotations

import inspect
import sys

import pytest

from bench import __main__ as command
from bench.harness.catalogue import bench_of, names
from bench.harness.headline import Bound, Headline, judged
from tests.harness.processes import ROOT

FILES = sorted(file.stem for file in (ROOT / "bench").glob("*.py") if not file.stem.startswith("_"))
AT_MOST, AT_LEAST = Headline("ratio", Bound.AT_MOST, 1.1), Headline("ratio", Bound.AT_LEAST, 1.1)


def test_every_module_of_the_folder_is_a_bench() -> None:
    assert names() == FILES


@pytest.mark.parametrize("name", FILES)
def test_a_bench_declares_what_it_shows_its_headline_and_its_aim(name: str) -> None:
    one = bench_of(name)
    assert one.shows.endswith(".")
    assert len(one.shows) <= 100
    assert isinstance(one.headline, Headline)
    assert one.headline.limit > 0
    assert "publish(__file__, HEADLINE, " in inspect.getsource(sys.modules[one.module])


def test_the_list_has_a_line_for_each(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["bench"])
    assert command.main() == 0
    _, *lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == FILES
    for name, line in zip(FILES, lines, strict=True):
        one = bench_of(name)
        assert one.shows in line
        assert line.endswith(f"{one.headline.name}: {one.headline.aim}")


@pytest.mark.parametrize(
    ("headline", "value", "ok"),
    [(AT_MOST, 1.1, True), (AT_MOST, 1.11, False), (AT_LEAST, 1.1, True), (AT_LEAST, 1.09, False)],
)
def test_a_figure_is_judged_by_its_aim(headline: Headline, value: float, ok: object) -> None:
    said = judged("one", headline, {"ratio": value, "other": 3})
    verdict = {"bench": "one", "headline": "ratio", "value": value, "aim": f"{headline.bound} 1.1", "ok": ok}
    assert said == verdict | {"ratio": value, "other": 3}


def test_what_must_not_happen_counts_however_good_the_figure_is() -> None:
    said = judged("one", AT_MOST, {"ratio": 0.5}, ["2 streams were changed"])
    assert (said["ok"], said["flaws"]) == (False, ["2 streams were changed"])
