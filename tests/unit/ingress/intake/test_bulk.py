from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import pytest

from ingress.intake.bulk import batches_of
from penstock.lines import Line


@pytest.mark.parametrize(
    ("sizes", "batches"),
    [
        ([], []),
        ([100] * 250, [100, 100, 50]),
        ([3 << 20] * 5, [2, 2, 1]),
        ([100, 5 << 20, 100], [2, 1]),
    ],
)
async def test_lines_go_together_by_number_and_by_bytes(sizes: Sequence[int], batches: Sequence[int]) -> None:
    async def lines() -> AsyncIterator[Line]:
        for number, size in enumerate(sizes):
            yield Line(number, b"", 0, size)

    assert [len(one) async for one in batches_of(lines())] == batches
