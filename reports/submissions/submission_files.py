"""Read a submission file, ours or any competition's of the same kind."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmark.matching.columns import ID_COLUMNS, LABEL_COLUMNS, find_column, id_column, unnamed_column
from benchmark.matching.sample_ids import IdMatcher
from benchmark.records import ROW_SUM_TOLERANCE
from reports.submissions.csv_files import Line, check_columns, read_lines, without_row_numbers
from zoo.errors import UserError


@dataclass(frozen=True)
class Submitted:
    """The rows of a submission as they stand in the file.

    Attributes:
        path: of the file.
        lines: where each row stands, from 1.
        ids: one a row, or empty.
        labels: one a row, or empty where there are probabilities.
        class_names: of the columns of probabilities.
        probabilities: shape (n, classes), or None.
    """

    path: Path
    lines: tuple[int, ...]
    ids: tuple[str, ...]
    labels: tuple[str, ...] = ()
    class_names: tuple[str, ...] = ()
    probabilities: NDArray[np.float64] | None = None


def read_submission(path: Path | str, known_ids: Sequence[str]) -> Submitted:
    """Read a submission: labels one a line, an id and a label a row, or an id and a probability for each class.

    Args:
        path: of the file.
        known_ids: tell which column has the ids where its heading does not.

    Raises:
        UserError: the file cannot be read, rows of several lengths, or probabilities that are none.
    """
    path = Path(path)
    lines = without_row_numbers(read_lines(path, "a submission"))
    header = lines[0][1]
    if len(header) == 1:
        rows = lines if find_column(header, LABEL_COLUMNS) is None else lines[1:]
        check_columns(path, rows, 1)
        return Submitted(path, tuple(line for line, _ in rows), (), labels=tuple(cells[0] for _, cells in rows))
    rows = lines[1:]
    places = tuple(line for line, _ in rows)
    check_columns(path, rows, len(header))
    label = find_column(header, LABEL_COLUMNS)
    known = IdMatcher(known_ids)
    identity: int | None = id_column(header, [cells for _, cells in rows], known)
    if label is None and _lacks_ids(header, rows, identity, known):
        identity = None
    ids = () if identity is None else tuple(cells[identity] for _, cells in rows)
    if label is None and len(header) == 2 and identity is not None:
        label = 1 - identity
    if label is not None:
        return Submitted(path, places, ids, labels=tuple(cells[label] for _, cells in rows))
    class_names = tuple(name for column, name in enumerate(header) if column != identity)
    return Submitted(path, places, ids, class_names=class_names, probabilities=_probabilities(path, rows, identity))


def _lacks_ids(header: Sequence[str], rows: Sequence[Line], identity: int | None, known: IdMatcher) -> bool:
    """Whether all columns are probabilities: none is called an id or names a sample, and the first row sums to 1."""
    if not rows or find_column(header, ID_COLUMNS) is not None or unnamed_column(header) is not None:
        return False
    cells = rows[0][1]
    try:
        values = [float(text) for text in cells]
    except ValueError:
        return False
    whole = all(value in (0, 1) for value in values)
    named = identity is not None and known.place(cells[identity]) is not None
    return abs(sum(values) - 1) <= ROW_SUM_TOLERANCE and not named and not (whole and len(cells) == 2)


def _probabilities(path: Path, rows: Sequence[Line], identity: int | None) -> NDArray[np.float64]:
    values = []
    for line, cells in rows:
        try:
            row = [float(text) for column, text in enumerate(cells) if column != identity]
        except ValueError as error:
            raise UserError(f"{path}, line {line}: {error}, expected a probability for each class") from error
        if not all(0 <= value <= 1 for value in row) or abs(sum(row) - 1) > ROW_SUM_TOLERANCE:
            raise UserError(f"{path}, line {line}: expected probabilities from 0 to 1 that sum to 1, got {sum(row):g}")
        values.append(row)
    return np.array(values)
