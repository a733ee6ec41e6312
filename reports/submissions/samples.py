"""A competition's sample submission, whose layout a submission copies: header, ids, order, spelling of the labels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmark.matching.class_names import FER_SYNONYMS, label_numbers
from reports.submissions.csv_files import (
    Line,
    check_columns,
    class_positions,
    find_id,
    id_column,
    id_places,
    read_lines,
)
from zoo.errors import UserError

# How a sample may write a class that it does not show, told by how it writes those that it does.
STYLES = (str, str.capitalize, str.upper, str.title)


@dataclass(frozen=True)
class Sample:
    """The layout of a sample submission.

    Attributes:
        path: where it was read from.
        header: its first row.
        lines: the other rows, each with as many cells as the header.
    """

    path: Path
    header: tuple[str, ...]
    lines: tuple[Line, ...]

    def asks_for_probabilities(self) -> bool:
        """Whether it has a column a class rather than one of labels."""
        return len(self.header) > 2

    def filled(
        self, sample_ids: NDArray[np.str_], class_names: Sequence[str], probabilities: NDArray[np.float64]
    ) -> list[list[str]]:
        """The sample's rows, header included, with these predictions in place of its own.

        Args:
            sample_ids: of the test images, shape (n,).
            class_names: in the order of the columns.
            probabilities: shape (n, classes).

        Raises:
            UserError: an id that is missing, unknown or there twice, or columns or labels that are not understood.
        """
        identity, rows = self._rows_by_id(sample_ids.tolist())
        probabilities = probabilities[rows]
        if self.asks_for_probabilities():
            columns = self._class_columns(identity, class_names)
            values = [[f"{value:.10g}" for value in row[columns]] for row in probabilities]
        else:
            written = self._spelling([cells[1 - identity] for _, cells in self.lines], class_names)
            values = [[written[position]] for position in probabilities.argmax(axis=1)]
        filled = [list(self.header)]
        for (_, cells), row in zip(self.lines, values, strict=True):
            filled.append([*row[:identity], cells[identity], *row[identity:]])
        return filled

    def _rows_by_id(self, sample_ids: list[str]) -> tuple[int, list[int]]:
        """The column of the ids, and for each line the place of its image among `sample_ids`."""
        known = id_places(sample_ids)
        identity = id_column(self.header, self.lines, known)
        seen: dict[int, int] = {}
        for line, cells in self.lines:
            row = find_id(cells[identity], known)
            if row is None:
                such_as = f", whose ids are like {sample_ids[0]!r}" if sample_ids else ""
                raise UserError(f"{self.path}, line {line}: no test image has the id {cells[identity]!r}{such_as}")
            if row in seen:
                raise UserError(f"{self.path}, line {line}: the id {cells[identity]!r} occurs a second time")
            seen[row] = line
        if missing := [name for row, name in enumerate(sample_ids) if row not in seen]:
            raise UserError(
                f"{self.path} has {len(seen):,} rows, expected {len(sample_ids):,}, one a test image: "
                f"{missing[0]!r} is missing"
            )
        return identity, list(seen)

    def _class_columns(self, identity: int, class_names: Sequence[str]) -> list[int]:
        positions = class_positions(class_names)
        headings = [name for column, name in enumerate(self.header) if column != identity]
        columns = [positions.get(_plain(name, positions)) for name in headings]
        known = [column for column in columns if column is not None]
        if len(known) != len(columns) or sorted(known) != list(range(len(class_names))):
            raise UserError(
                f"{self.path}, line 1: columns {', '.join(headings)}, expected one for each class: "
                f"{', '.join(class_names)}"
            )
        return known

    def _spelling(self, values: Sequence[str], class_names: Sequence[str]) -> list[str]:
        """What this competition writes for each class, in the order of the classes."""
        shown = set(values) - {""}
        numbers = [str(number) for number in label_numbers(class_names)]
        spelled = {name: text for text in sorted(shown) if (name := _plain(text, class_names)) in class_names}
        if len(spelled) == len(shown) and shown:
            return self._styled(spelled, class_names)
        if shown <= set(numbers):
            return numbers
        strange = sorted(text for text in shown if text not in numbers and _plain(text, class_names) not in class_names)
        raise UserError(
            f"{self.path}: label {(strange or sorted(shown))[0]!r}, expected integers ({', '.join(numbers)}) "
            f"or class names ({', '.join(class_names)})"
        )

    def _styled(self, spelled: Mapping[str, str], class_names: Sequence[str]) -> list[str]:
        for style in STYLES:
            if all(style(name) == text for name, text in spelled.items()):
                return [style(name) for name in class_names]
        if unknown := [name for name in class_names if name not in spelled]:
            name, text = next(iter(spelled.items()))
            raise UserError(
                f"{self.path} writes {text!r} for {name!r} and does not show how it writes {unknown[0]!r}: "
                "put one row of every class into it"
            )
        return [spelled[name] for name in class_names]


def read_sample(path: Path | str) -> Sample:
    """Read a sample submission: a header, an id column and either one of labels or one a class.

    Raises:
        UserError: the file cannot be read, or has no such columns.
    """
    path = Path(path)
    (_, header), *lines = read_lines(path, "a sample submission")
    if len(header) < 2:
        raise UserError(
            f"{path}: one column, expected a header with an id column and a label column; "
            "without ids, `--format icml` writes one integer a line"
        )
    if not lines:
        raise UserError(f"{path} has a header and no rows: expected one a test image")
    check_columns(path, lines, len(header))
    return Sample(path, tuple(header), tuple(lines))


def _plain(text: str, class_names: Mapping[str, int] | Sequence[str]) -> str:
    """The class that is meant by a name in any case or by one of FER-2013's synonyms, or the text itself."""
    if text in class_names:
        return text
    folded = text.casefold()
    matches = [name for name in class_names if name.casefold() == folded]
    meaning = FER_SYNONYMS.get(folded, "")
    return matches[0] if len(matches) == 1 else meaning if meaning in class_names else text
