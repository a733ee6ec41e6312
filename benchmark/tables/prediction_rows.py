"""What one file, array or frame says: rows of numbers or labels, before they meet classes and samples."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from numpy.typing import NDArray

from zoo.errors import UserError

SPLIT_NAMES: Final = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "publictest": "validation",
    "dev": "validation",
    "development": "validation",
    "eval": "validation",
    "evaluation": "validation",
    "test": "test",
    "testing": "test",
    "privatetest": "test",
}
"""What folders, arrays, columns and files call the splits, in lower case."""


@dataclass(frozen=True, eq=False)
class Rows:
    """The rows of one file, array or frame.

    Attributes:
        where: the file, or words, for messages.
        format: how it was understood, in words: "wide CSV".
        values: numbers, shape (n, columns), maybe memory-mapped; or None where there are `labels`.
        labels: predicted classes as text, one a row; None where there are `values`.
        headings: of the columns, with or without a prefix that all share; None where the columns are the classes in
            order. Of the probability of one of two classes the name of that class, or of both; of labels their heading.
        any_heading: whether the only column may be called anything, and is of the second class unless it names one.
        sample_ids: one a row; None where the rows are in the order of the labels.
        splits: one a row, as in the file but in lower case; None where there are none.
        folds: one a row; None where there are none.
        truth: true labels that the file has besides; None where there are none.
        faults: what is wrong with cells, one phrase a kind.
        unread: rows with a cell that is not a number.
        line: tells where a row stands in a CSV, from 1; None where there are no lines.
    """

    where: str
    format: str
    values: NDArray[Any] | None = None
    labels: Sequence[str] | None = None
    headings: tuple[str, ...] | None = None
    any_heading: bool = False
    sample_ids: Sequence[str] | None = None
    splits: Sequence[str] | None = None
    folds: Sequence[str] | None = None
    truth: Sequence[str] | None = None
    faults: tuple[str, ...] = ()
    unread: frozenset[int] = field(default_factory=frozenset)
    line: Callable[[int], int] | None = None

    def __post_init__(self) -> None:
        if not len(self):
            raise UserError(f"{self.where} has no rows: expected one per sample")

    def __len__(self) -> int:
        return len(self.labels if self.labels is not None else self.values if self.values is not None else ())

    def at(self, row: int) -> str:
        """Where a row stands, in words."""
        return at(self.where, self.line, row)

    def on_split(self, split: str) -> "Rows":
        """The rows that are said to be of a split; all of them where none is."""
        rows = rows_of(self.splits, split)
        return self if rows is None else self.only(rows)

    def only(self, rows: Sequence[int]) -> "Rows":
        """Some of the rows, in this order."""
        line = self.line

        def some(texts: Sequence[str] | None) -> list[str] | None:
            return None if texts is None else [texts[row] for row in rows]

        return replace(
            self,
            values=None if self.values is None else self.values[list(rows)],
            labels=some(self.labels),
            sample_ids=some(self.sample_ids),
            splits=some(self.splits),
            folds=some(self.folds),
            truth=some(self.truth),
            unread=frozenset(place for place, row in enumerate(rows) if row in self.unread),
            line=None if line is None else lambda place: line(rows[place]),
        )

    @property
    def columns(self) -> int:
        """How many columns of numbers there are; 1 for the probability of the second of two classes."""
        return 0 if self.values is None else self.values.shape[1]


def check_headings(where: str, headings: Sequence[str]) -> None:
    """Raise UserError where two columns are of one class."""
    name, count = Counter(headings).most_common(1)[0] if headings else ("", 0)
    if count > 1:
        raise UserError(f"{where} has the class {name} twice: expected one column per class")


def split_name(text: str) -> str | None:
    """The split that a file calls so; None for no split."""
    return SPLIT_NAMES.get(text.strip().lower())


def rows_of(splits: Sequence[str] | None, split: str) -> list[int] | None:
    """The rows of a split, if there are any and others beside them; else None."""
    names = {text: split_name(text) for text in set(splits or ())}
    rows = [row for row, text in enumerate(splits or ()) if names[text] == split]
    return rows if 0 < len(rows) < len(splits or ()) else None


def at(where: str, line: Callable[[int], int] | None, row: int) -> str:
    """Where a row of a file stands, in words."""
    return f"{where}, line {line(row)}" if line else f"{where}, row {row + 1:,}"
