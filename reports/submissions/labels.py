"""Test labels from a file of the user's: attached for one report, never stored."""

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmark.data.merging import own_ids
from benchmark.matching.class_names import ClassMatcher
from benchmark.matching.columns import ID_COLUMNS, LABEL_COLUMNS, find_column, unnamed_column
from benchmark.matching.sample_ids import IdList, check_rows, pair
from benchmark.records import Predictions
from reports.submissions.csv_files import check_columns, read_lines, without_row_numbers
from zoo.errors import UserError


@dataclass(frozen=True)
class LabelRow:
    """One label of the file.

    Attributes:
        line: where it stands, from 1.
        text: an integer or a class name.
        sample_id: whose it is; None in a file without ids.
    """

    line: int
    text: str
    sample_id: str | None


@dataclass(frozen=True, eq=False)
class LabelFile:
    """The labels of a file as text. `attach` matches them with the classes and samples of predictions."""

    path: Path
    rows: tuple[LabelRow, ...]

    def sample_ids(self) -> list[str]:
        """The ids in the order of the file; empty in a file without.

        Raises:
            UserError: one occurs twice.
        """
        lines: dict[str, int] = {}
        for row in self.rows:
            if row.sample_id is not None and lines.setdefault(row.sample_id, row.line) != row.line:
                raise UserError(f"{self.path}, line {row.line}: the id {row.sample_id!r} occurs a second time")
        return list(lines)

    def positions(self, matcher: ClassMatcher) -> NDArray[np.int64]:
        """The position of each row's class, shape (rows,).

        Raises:
            UserError: a label that is no class.
        """
        positions = matcher.positions([row.text for row in self.rows])
        if (positions < 0).any():
            row = self.rows[int((positions < 0).argmax())]
            expected = f"expected one of {matcher.expected}"
            raise UserError(f"{self.path}, line {row.line}: unknown class {row.text!r}, {expected}")
        return positions

    def attach(self, predictions: Predictions, dataset: str) -> Predictions:
        """The predictions with these labels in place of those they had, if any.

        Args:
            predictions: of test.
            dataset: its name; of several merged sources the ids may also be those of the source's own files, where all
                test images are of one.

        Raises:
            UserError: a label that is no class; without ids another number of labels than of samples; with ids an
                unknown one, one that occurs twice, or a sample without label.
        """
        return replace(predictions, labels=self._matched(predictions, dataset).labels)

    def how(self, predictions: Predictions, dataset: str) -> str:
        """One line on ids that the file spells otherwise than the predictions; empty where there are none."""
        return self._matched(predictions, dataset).how

    def _matched(self, predictions: Predictions, dataset: str) -> "_Matched":
        ids = tuple(own_ids(dataset, predictions.sample_ids).tolist())
        return _matched(self, predictions.class_names, ids)


@dataclass(frozen=True, eq=False)
class _Matched:
    """Labels in the order of the test images, and how ids are spelled otherwise."""

    labels: NDArray[np.int64]
    how: str = ""


@lru_cache(maxsize=2)  # all runs of a dataset predict the same samples
def _matched(file: LabelFile, class_names: tuple[str, ...], sample_ids: tuple[str, ...]) -> _Matched:
    labels = file.positions(ClassMatcher(class_names))
    labels.setflags(write=False)
    names = file.sample_ids()
    if not names:
        check_rows(len(labels), len(sample_ids), str(file.path), "the test images")
        return _Matched(labels)
    given = IdList(names, str(file.path), [row.line for row in file.rows])
    paired = pair(given, IdList(sample_ids, "the test images"))
    return _Matched(labels[paired.rows], paired.how)


def read_labels(path: Path | str) -> LabelFile:
    """Read a CSV with a header that names an id column and a label column, or one label a line in test order.

    Which names these columns may have is in `benchmark.matching.columns`. Other columns are ignored.

    Raises:
        UserError: the file cannot be read, has no labels, or its columns are none of those.
    """
    path = Path(path)
    lines = without_row_numbers(read_lines(path, "test labels"))
    header = lines[0][1]
    columns = len(header)
    label = find_column(header, LABEL_COLUMNS)
    identity = find_column(header, ID_COLUMNS) if columns > 1 else None
    if identity is None and columns > 1 and label is not None:
        identity = unnamed_column(header)
    if label is None and identity is None:
        if columns > 1:
            raise UserError(
                f"{path}, line 1: {columns} columns, expected a header with an id column ({', '.join(ID_COLUMNS)}) "
                f"and a label column ({', '.join(LABEL_COLUMNS)}), or one label a line"
            )
        label = 0
    else:
        lines = lines[1:]
    if label is None:
        raise UserError(f"{path}, line 1: no label column, expected one of {', '.join(LABEL_COLUMNS)}")
    if identity is None and columns > 1:
        raise UserError(f"{path}, line 1: no id column, expected one of {', '.join(ID_COLUMNS)}")
    check_columns(path, lines, columns)
    if not lines:
        raise UserError(f"{path} has a header and no labels")
    rows = [LabelRow(line, cells[label], None if identity is None else cells[identity]) for line, cells in lines]
    return LabelFile(path, tuple(rows))
