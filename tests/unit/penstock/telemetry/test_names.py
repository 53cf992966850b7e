from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType

import pytest
from prometheus_client import Counter, Gauge, Histogram

from penstock.telemetry import events, metrics, spans

PAGE = (Path(__file__).parents[4] / "docs" / "metrics.md").read_text()
METRICS = [metric for metric in vars(metrics).values() if isinstance(metric, Counter | Gauge | Histogram)]
#: What would give a time series to each client or job.
UNBOUNDED = {"job", "tenant", "user", "prompt", "worker", "instance", "trace"}


def full_name(metric: Counter | Gauge | Histogram) -> str:
    return f"{metric._name}_total" if isinstance(metric, Counter) else metric._name


def texts(module: ModuleType, *, but: Iterable[str] = ()) -> list[str]:
    return [value for name, value in vars(module).items() if name.isupper() and name not in but]


def rows_of(name: str) -> list[str]:
    return [line for line in PAGE.splitlines() if line.startswith("|") and re.search(rf"`{re.escape(name)}[ `]", line)]


@pytest.mark.parametrize("metric", METRICS, ids=full_name)
def test_the_page_lists_each_metric_once_with_its_labels(metric: Counter | Gauge | Histogram) -> None:
    kind = type(metric).__name__.lower()
    labels = ", ".join(metric._labelnames) or "none"
    assert rows_of(full_name(metric)) == [f"| `{full_name(metric)}` | {kind} | {labels} | {metric._documentation} |"]


@pytest.mark.parametrize("name", [*texts(spans, but=["PROVIDER"]), *texts(events)])
def test_the_page_lists_each_span_attribute_and_event_once(name: str) -> None:
    assert len(rows_of(name)) == 1


def test_the_page_lists_nothing_else() -> None:
    named = {name for line in PAGE.splitlines() if line.startswith("| `") for name in re.findall(r"`([\w.]+)", line)}
    known = {*map(full_name, METRICS), *texts(spans, but=["PROVIDER"]), *texts(events)}
    assert named == known


@pytest.mark.parametrize("metric", METRICS, ids=full_name)
def test_labels_have_few_values_and_names_have_units(metric: Counter | Gauge | Histogram) -> None:
    assert UNBOUNDED.isdisjoint(metric._labelnames)
    if isinstance(metric, Histogram):
        assert metric._name.endswith("_seconds")
