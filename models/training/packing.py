"""Documents packed into rows of equal length, so that little of a batch is padding."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from models.training.conversations import Encoded

UNSPOKEN = -100


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows of packed documents; all tensors are int64 of shape (rows, row_tokens)."""

    ids: Tensor
    #: The token to say next, or UNSPOKEN where the model has nothing to say.
    targets: Tensor
    #: Which document of its row a token belongs to, from 0 on.
    documents: Tensor

    @property
    def mask(self) -> Tensor:
        """Whether a token may look at another: earlier, and in the same document. Shape (rows, 1, tokens, tokens)."""
        same = self.documents[:, :, None] == self.documents[:, None, :]
        return same.tril().unsqueeze(1)


def batches(documents: Iterable[Encoded], rows: int, row_tokens: int) -> Iterator[Batch]:
    """Full batches of packed documents, none of which may be longer than a row."""
    row: list[Encoded] = []
    full: list[list[Encoded]] = []
    for document in documents:
        if sum(len(packed.ids) for packed in row) + len(document.ids) > row_tokens:
            full.append(row)
            row = []
        row.append(document)
        if len(full) == rows:
            yield pack(full, row_tokens)
            full = []


def pack(rows: list[list[Encoded]], row_tokens: int) -> Batch:
    """One batch of the given rows, padded at their ends."""
    ids = torch.zeros(len(rows), row_tokens, dtype=torch.long)
    targets = torch.full_like(ids, UNSPOKEN)
    documents = torch.full_like(ids, -1)
    for at, row in enumerate(rows):
        start = 0
        for number, document in enumerate(row):
            end = start + len(document.ids)
            ids[at, start:end] = torch.tensor(document.ids)
            documents[at, start:end] = number
            said = [token if spoken else UNSPOKEN for token, spoken in zip(document.ids, document.spoken, strict=True)]
            targets[at, start : end - 1] = torch.tensor(said[1:])
            start = end
    return Batch(ids, targets, documents)
