"""CSV files that a user hands over: submissions, samples of them, labels."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from benchmark.files.names import NaturalKey, is_picture, natural
from benchmark.matching.columns import unnamed_column
from zoo.errors import UserError

Line = tuple[int, list[str]]
"""Where a row stands, counted from 1, and its cells without the blanks around them."""


def read_lines(path: Path, expected: str) -> list[Line]:
    """Every row of the file that is not blank, the header included.

    Args:
        path: a CSV in UTF-8, with or without a byte-order mark (Excel's).

    Raises:
        UserError: the file cannot be read, is no CSV, or has no rows.
    """
    try:
        # csv wants the line ends as they are.
        text = path.read_bytes().decode("utf-8-sig")
        reader = csv.reader(io.StringIO(text, newline=""))
        lines = [(reader.line_num, [cell.strip() for cell in cells]) for cells in reader if any(map(str.strip, cells))]
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path} is no CSV in UTF-8: {error}") from error
    if not lines:
        raise UserError(f"{path} is empty: expected {expected}")
    return lines


def check_columns(path: Path, lines: Sequence[Line], columns: int) -> None:
    """Raise UserError at the first row that has not so many columns."""
    for line, cells in lines:
        if len(cells) != columns:
            raise UserError(f"{path}, line {line}: {len(cells)} columns, expected {columns}")


def without_row_numbers(lines: Sequence[Line]) -> list[Line]:
    """The rows without the column of row numbers that pandas writes, if the header, the first row, has one."""
    unnamed = unnamed_column(lines[0][1]) if len(lines[0][1]) > 1 else None
    numbers = [] if unnamed is None else [cells[unnamed] for _, cells in lines[1:] if len(cells) > unnamed]
    if unnamed is None or numbers != [str(row) for row in range(len(lines) - 1)]:
        return list(lines)
    return [(line, [*cells[:unnamed], *cells[unnamed + 1 :]]) for line, cells in lines]


def file_order(sample_id: str) -> NaturalKey:
    """A key that sorts ids as folders of images sort their files: 2 before 10, `img2` before `img`."""
    # The dot of the suffix counts there, and our ids are without.
    return natural(sample_id if is_picture(sample_id) else f"{sample_id}.png")


def csv_text(rows: Sequence[Sequence[str]]) -> str:
    """The rows as CSV, quoted where a cell needs it, a line feed after each."""
    written = io.StringIO(newline="")
    csv.writer(written, lineterminator="\n").writerows(rows)
    return written.getvalue()
