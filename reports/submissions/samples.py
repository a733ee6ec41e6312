"""A competition's sample submission, whose layout a submission copies: header, ids, order, spelling of the labels."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmark.matching.class_names import ClassMatcher, listed, number
from benchmark.matching.column_finding import id_column
from benchmark.matching.sample_ids import IdList, IdMatcher, pair
from benchmark.tables.csv_tables import CsvTable
from zoo.errors import UserError

# How a sample may write a class that it does not show, told by how it writes those that it does.
STYLES = (str, str.capitalize, str.upper, str.title)


@dataclass(frozen=True)
class Sample:
    """The layout of a sample submission.

    Attributes:
        path: where it was read from.
        header: its first row.
        rows: the others, each with as many cells as the header.
        line: tells where a row stands, from 1.
        probabilities: whether the one column beside the ids is for the probability of one of two classes; None where
            its numbers tell.
    """

    path: Path
    header: tuple[str, ...]
    rows: list[list[str]]
    line: Callable[[int], int]
    probabilities: bool | None = None

    def asks_for_probabilities(self) -> bool:
        """Whether it has columns of probabilities: one a class, or that of one of two classes, with numbers as 0.5."""
        if self.probabilities is not None:
            return self.probabilities
        return len(self.header) > 2 or any(map(_has_fractions, zip(*self.rows, strict=True)))

    def contents(self, sample_ids: NDArray[np.str_], class_names: Sequence[str]) -> str:
        """What `filled` writes for each sample, in words; its arguments but for the probabilities."""
        if not self.asks_for_probabilities():
            identity, matcher = self._identity(sample_ids), ClassMatcher(class_names)
            named = self._indicated(identity, matcher)
            if named is None:
                return labels_text(self._spelling([cells[1 - identity] for cells in self.rows], matcher), class_names)
            return f"1 for {class_names[named]}, 0 for {class_names[1 - named]}"
        if len(self.header) > 2 or len(class_names) > 2:
            return "probabilities"
        place = self._single(self._identity(sample_ids), ClassMatcher(class_names))
        return f"the probability of {class_names[place]}"

    def _identity(self, sample_ids: NDArray[np.str_]) -> int:
        return id_column(self.header, self.rows, IdMatcher(sample_ids.tolist()))

    def _single(self, identity: int, matcher: ClassMatcher) -> int:
        """The place of the class whose probability the one column beside the ids is for."""
        place = matcher.named_by(self.header[1 - identity])
        return 1 if place is None else place

    def _indicated(self, identity: int, matcher: ClassMatcher) -> int | None:
        """The place of the class that 1 stands for, where a column of 0 and 1 is named after one of two classes."""
        shown = {number(cells[1 - identity]) for cells in self.rows if cells[1 - identity]}
        if len(matcher.class_names) != 2 or not shown <= {0, 1}:
            return None
        return matcher.named_by(self.header[1 - identity])

    def filled(
        self, sample_ids: NDArray[np.str_], class_names: Sequence[str], probabilities: NDArray[np.float64]
    ) -> list[list[str]]:
        """The sample's rows, header included, with these predictions in place of its own.

        Args:
            sample_ids: of the test samples, shape (n,).
            class_names: in the order of the columns.
            probabilities: shape (n, classes).

        Raises:
            UserError: an id that is missing, unknown or there twice, or columns or labels that are not understood.
        """
        identity = self._identity(sample_ids)
        probabilities = probabilities[self._order(identity, sample_ids.tolist())]
        matcher = ClassMatcher(class_names)
        if len(self.header) == 2 and self.asks_for_probabilities() and len(class_names) == 2:
            values = [[f"{value:.10g}"] for value in probabilities[:, self._single(identity, matcher)]]
        elif len(self.header) > 2:
            columns = self._class_columns(identity, matcher)
            values = [[f"{value:.10g}" for value in row[columns]] for row in probabilities]
        else:
            named = self._indicated(identity, matcher)
            shown = [cells[1 - identity] for cells in self.rows]
            written = self._spelling(shown, matcher) if named is None else ["01"[place == named] for place in (0, 1)]
            values = [[written[position]] for position in probabilities.argmax(axis=1)]
        filled = [list(self.header)]
        for cells, row in zip(self.rows, values, strict=True):
            filled.append([*row[:identity], cells[identity], *row[identity:]])
        return filled

    def _order(self, identity: int, sample_ids: list[str]) -> NDArray[np.int64]:
        """For each row the place of its sample among `sample_ids`."""
        given = IdList([cells[identity] for cells in self.rows], str(self.path), self.line)
        rows = pair(given, IdList(sample_ids, "the test samples")).rows
        return np.argsort(rows)

    def _class_columns(self, identity: int, matcher: ClassMatcher) -> list[int]:
        headings = [name for column, name in enumerate(self.header) if column != identity]
        known = [position for position in matcher.columns(headings).positions if position is not None]
        if len(headings) != len(matcher.class_names) or sorted(known) != list(range(len(headings))):
            raise UserError(
                f"{self.path}, line 1: columns {listed(headings)}, expected one for each class: {matcher.expected}"
            )
        return known

    def _spelling(self, values: Sequence[str], matcher: ClassMatcher) -> list[str]:
        """What this competition writes for each class, in the order of the classes."""
        shown = {text: matcher.position(text) for text in dict.fromkeys(values) if text}
        for text, position in shown.items():
            if position is None:
                line = self.line(values.index(text))
                raise UserError(
                    f"{self.path}, line {line}: label {text!r} is not a class, expected one of {matcher.expected}: "
                    "correct the sample, or leave its labels empty"
                )
        for spelling in _spellings(matcher):
            if all(spelling[position] == text for text, position in shown.items() if position is not None):
                return spelling
        spelled = {position: text for text, position in shown.items()}
        if unknown := [name for position, name in enumerate(matcher.class_names) if position not in spelled]:
            text, position = next((text, position) for text, position in shown.items() if position is not None)
            raise UserError(
                f"{self.path} writes {text!r} for {matcher.class_names[position]!r} and does not show how it writes "
                f"{unknown[0]!r}: put one row of every class into it"
            )
        return [spelled[position] for position in range(len(matcher.class_names))]


def labels_text(written: Sequence[str], class_names: Sequence[str]) -> str:
    """That a submission holds labels; and which class each stands for, where they are numbers and the classes are not.

    Args:
        written: what it writes for each class.
    """
    if any(number(name) is not None for name in class_names) or any(number(text) is None for text in written):
        return "labels"
    return f"labels: {listed([f'{text} for {name}' for text, name in zip(written, class_names, strict=True)])}"


def _has_fractions(cells: Sequence[str]) -> bool:
    values = [number(text) for text in cells if text]
    return None not in values and any(value is not None and value % 1 for value in values)


def read_sample(path: Path | str) -> Sample:
    """Read a sample submission: a header, an id column and either one of labels or one a class.

    Raises:
        UserError: the file cannot be read, or has no such columns.
    """
    table = CsvTable(Path(path), headed=True)
    header = table.header
    if not header:
        raise UserError(f"{path} is empty: expected a sample submission")
    if len(header) < 2:
        raise UserError(
            f"{path}: one column, expected a header with an id column and a label column; "
            "without ids, `--format icml` writes one integer a line"
        )
    cells = table.read(range(len(header)), ())
    if cells.faults:
        raise UserError(f"{path}, {'; '.join(cells.faults)}")
    rows = [list(row) for row in zip(*cells.texts, strict=True)]
    if not rows:
        raise UserError(f"{path} has a header and no rows: expected one a test sample")
    return Sample(table.path, header, rows, table.line)


def _spellings(matcher: ClassMatcher) -> list[list[str]]:
    """The ways in which a sample may write all classes, the likeliest first."""
    spellings = [list(matcher.written)]
    values = [number(text) for text in matcher.written]
    if all(value is not None and value == int(value) for value in values):
        whole = [str(int(value)) for value in values if value is not None]
        spellings += [whole, [f"{text}.0" for text in whole]]
    return spellings + [[style(name) for name in matcher.class_names] for style in STYLES]
