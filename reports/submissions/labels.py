"""Test labels from a file of the user's: attached for one report, never stored."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmark.data.merging import own_ids
from benchmark.data.readers.csv_rows import LABEL_COLUMNS
from benchmark.records import Predictions
from reports.submissions.csv_files import (
    ID_COLUMNS,
    check_columns,
    class_positions,
    find_column,
    find_id,
    id_places,
    read_lines,
)
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


@dataclass(frozen=True)
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
        classes = class_positions(predictions.class_names)
        values = [self._position(row, classes) for row in self.rows]
        if names := self.sample_ids():
            known = predictions.sample_ids
            values = self._by_id(known if set(names) & set(known.tolist()) else own_ids(dataset, known), values)
        elif len(values) != len(predictions.sample_ids):
            expected = len(predictions.sample_ids)
            raise UserError(f"{self.path}: {len(values)} labels, expected {expected}, one a test image")
        return replace(predictions, labels=np.array(values, np.int64))

    def _position(self, row: LabelRow, classes: Mapping[str, int]) -> int:
        if row.text in classes:
            return classes[row.text]
        raise UserError(
            f"{self.path}, line {row.line}: unknown class {row.text!r}, expected one of {', '.join(classes)}"
        )

    def _by_id(self, sample_ids: NDArray[np.str_], values: list[int]) -> list[int]:
        places = id_places(sample_ids.tolist())
        labels: dict[int, int] = {}
        for row, value in zip(self.rows, values, strict=True):
            place = find_id(row.sample_id or "", places)
            if place is None:
                raise UserError(f"{self.path}, line {row.line}: there is no test image with the id {row.sample_id!r}")
            if place in labels:
                raise UserError(f"{self.path}, line {row.line}: the id {row.sample_id!r} occurs a second time")
            labels[place] = value
        missing = [name for place, name in enumerate(sample_ids.tolist()) if place not in labels]
        if missing:
            raise UserError(
                f"{self.path}: {len(missing)} of {len(sample_ids)} test images have no label, such as {missing[0]!r}"
            )
        return [labels[place] for place in range(len(sample_ids))]


def read_labels(path: Path | str) -> LabelFile:
    """Read a CSV with a header (an id column and emotion, label, class or target), or one label a line in test order.

    Raises:
        UserError: the file cannot be read, has no labels, or its columns are none of those.
    """
    path = Path(path)
    lines = read_lines(path, "test labels")
    header = [cell.lower() for cell in lines[0][1]]
    columns = len(header)
    label, identity = find_column(header, LABEL_COLUMNS), find_column(header, ID_COLUMNS)
    if label is None and identity is None:
        if columns > 1:
            raise UserError(
                f"{path}, line 1: {columns} columns, expected a header with an id column ({' or '.join(ID_COLUMNS)}) "
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
