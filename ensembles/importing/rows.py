"""What one file, array or frame says: rows of numbers or labels, before they meet classes and samples."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from numpy.typing import NDArray

from benchmark.dataset import SPLITS
from zoo.errors import UserError

SPLIT_NAMES: Final = {
    **{name: name for name in SPLITS},
    "training": "train",
    "valid": "validation",
    "val": "validation",
    "publictest": "validation",
    "testing": "test",
    "privatetest": "test",
}
"""What files call the splits, in lower case."""


@dataclass(frozen=True, eq=False)
class Rows:
    """The rows of one file, array or frame.

    Attributes:
        where: the file, or words, for messages.
        format: how it was understood, in words: "wide CSV".
        values: numbers, shape (n, columns), maybe memory-mapped; or None where there are `labels`.
        labels: predicted classes as text, one a row; None where there are `values`.
        headings: of the columns, with or without a prefix that all share; None where the columns are the classes in
            order.
        sample_ids: one a row; None where the rows are in the order of the labels.
        splits: one a row, as in the file but in lower case; None where there are none.
        folds: one a row; None where there are none.
        truth: true labels that the file has besides; None where there are none.
        faults: what is wrong with cells, one phrase a kind.
        unread: rows with a cell that is no number.
    """

    where: str
    format: str
    values: NDArray[Any] | None = None
    labels: Sequence[str] | None = None
    headings: tuple[str, ...] | None = None
    sample_ids: Sequence[str] | None = None
    splits: Sequence[str] | None = None
    folds: Sequence[str] | None = None
    truth: Sequence[str] | None = None
    faults: tuple[str, ...] = ()
    unread: frozenset[int] = field(default_factory=frozenset)

    def __post_init__(self) -> None:
        if not len(self):
            raise UserError(f"{self.where} has no rows: expected one per sample")

    def __len__(self) -> int:
        return len(self.labels if self.labels is not None else self.values if self.values is not None else ())

    @property
    def columns(self) -> int:
        """How many columns of numbers there are; 1 for the probability of the second of two classes."""
        return 0 if self.values is None else self.values.shape[1]


def split_name(text: str) -> str | None:
    """The split that a file calls so; None for no split."""
    return SPLIT_NAMES.get(text.strip().lower())
