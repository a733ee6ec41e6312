"""Tables that a user hands over: CSV, compressed or not, parquet and pandas' frames, read column by column.

A CSV is read row by row, so that its numbers take four bytes each and every fault has its line.
"""

import csv
import gzip
import io
import re
import zlib
from array import array
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from benchmark.files.npz_files import LARGEST_EXPANSION, SMALL_BYTES
from benchmark.matching.columns import ID_COLUMNS, find_column
from zoo.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

LONGEST_TEXT: Final = 1000
DELIMITERS: Final = (",", ";", "\t")
CSV_SUFFIXES: Final = (".csv", ".csv.gz")
PARQUET: Final = ".parquet"

_WHOLE: Final = re.compile(r"-?\d+(\.0*)?")


@dataclass
class Cells:
    """Some columns of a table.

    Attributes:
        texts: of each text column, one a row, without the blanks around them.
        values: float32, shape (n, number columns); nan where there is no number.
        lines: where each row stands in its file, from 1; empty where there are no lines.
        faults: one phrase for each kind of fault.
        unread: the rows with a cell that is no number.
    """

    texts: list[list[str]]
    values: NDArray[np.float32]
    lines: list[int] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    unread: set[int] = field(default_factory=set)


class Table(Protocol):
    """A table whose columns have names."""

    @property
    def where(self) -> str:
        """The table in words, for messages."""

    @property
    def kind(self) -> str:
        """What it is: CSV, parquet, DataFrame."""

    @property
    def header(self) -> Sequence[str]:
        """The columns' headings; empty for a CSV that begins with numbers."""

    @property
    def width(self) -> int:
        """How many columns there are."""

    def read(self, texts: Sequence[int], numbers: Sequence[int]) -> Cells:
        """Read these columns."""


@dataclass(frozen=True, eq=False)
class CsvTable:
    """A CSV file in UTF-8, with or without gzip.

    Attributes:
        path: of the file.
        headed: whether its first row has the columns' names; None to find out.
        kind: for messages.

    Raises:
        UserError: it cannot be read.
    """

    path: Path
    headed: bool | None = None
    kind: str = "CSV"

    @property
    def where(self) -> str:
        return str(self.path)

    @cached_property
    def _first(self) -> tuple[list[str], str]:
        """The first row and the delimiter."""
        with self._text() as text:
            line = text.readline()
            while line and not line.strip():
                line = text.readline()
        with _one_line(self.path):
            delimiter = next((mark for mark in DELIMITERS if mark in line), ",")
            cells = next(csv.reader([line], delimiter=delimiter), [])
            return [cell.strip() for cell in cells], delimiter

    @property
    def width(self) -> int:
        return len(self._first[0])

    @cached_property
    def header(self) -> tuple[str, ...]:
        first = self._first[0]
        numbers = {_float(cell) for cell in first}
        # Classes may be called 0, 1, 2 or 1.0; a first row of probabilities has fractions or says a number twice.
        names = all(_WHOLE.fullmatch(cell) for cell in first) and len(numbers) == len(first) > 1
        headed = not first or None in numbers or names
        return tuple(first) if headed and self.headed is not False else ()

    def read(self, texts: Sequence[int], numbers: Sequence[int]) -> Cells:
        """Read these columns.

        Raises:
            UserError: the file cannot be read, or a text is too long for an array.
        """
        found, values = Cells([[] for _ in texts], np.empty((0, len(numbers)), np.float32)), array("f")
        faults: dict[str, int] = {}
        for line, cells in self._rows():
            if len(cells) != self.width:
                _count(faults, "lines", f"line {line}: {len(cells)} columns, expected {self.width}")
                continue
            for at, column in zip(texts, found.texts, strict=True):
                text = cells[at].strip()
                if len(text) > LONGEST_TEXT or "\0" in text:
                    # NumPy pads text to the longest, and drops null characters at the end.
                    what = self.header[at] if self.header else f"column {at + 1}"
                    raise UserError(
                        f"{self.path}, line {line}: {what} is too long, expected text of at most {LONGEST_TEXT} "
                        "characters"
                    )
                column.append(text)
            try:
                row = list(map(float, [cells[at] for at in numbers]))
            except ValueError:
                row = [_number(cells[at], line, faults) for at in numbers]
                found.unread.add(len(found.lines))
            values.extend(row)
            found.lines.append(line)
        found.values = np.frombuffer(values, np.float32).reshape(len(found.lines), len(numbers))
        found.faults += _phrases(faults)
        return found

    def _rows(self) -> Iterator[tuple[int, list[str]]]:
        first = bool(self.header)
        with self._text() as text:
            reader = csv.reader(text, delimiter=self._first[1])
            for cells in reader:
                if any(map(str.strip, cells)):
                    if not first:
                        yield reader.line_num, cells
                    first = False

    @contextmanager
    def _text(self) -> Iterator[io.TextIOWrapper]:
        with _one_line(self.path):
            if self.path.exists() and not self.path.is_file():
                raise UserError(f"{self.path} is no file")
            with self.path.open("rb") as file:
                raw: Any = _Unpacked(file, self.path) if self.path.name.lower().endswith(".gz") else file
                # Excel writes a byte-order mark; csv needs the line ends unchanged.
                yield io.TextIOWrapper(io.BufferedReader(raw, 1 << 20), encoding="utf-8-sig", newline="")


class _Unpacked(io.RawIOBase):
    """The content of a gzip file, up to what an honest file of its size can hold."""

    def __init__(self, file: Any, path: Path) -> None:
        self._file = gzip.GzipFile(fileobj=file)
        self._left = max(SMALL_BYTES, LARGEST_EXPANSION * path.stat().st_size)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        content = self._file.read(len(buffer))
        self._left -= len(content)
        if self._left < 0:
            raise OSError("it unpacks to more than a file of its size can hold")
        buffer[: len(content)] = content
        return len(content)


@dataclass(frozen=True, eq=False)
class FrameTable:
    """A pandas DataFrame; see `frame_table`."""

    where: str
    frame: "pd.DataFrame"
    kind: str = "DataFrame"

    @property
    def header(self) -> tuple[str, ...]:
        return tuple(str(name).strip() for name in self.frame.columns)

    @property
    def width(self) -> int:
        return len(self.frame.columns)

    def read(self, texts: Sequence[int], numbers: Sequence[int]) -> Cells:
        """Read these columns.

        Raises:
            UserError: a column that should have numbers has none, or a text is too long for an array.
        """
        values = np.empty((len(self.frame), len(numbers)), np.float32)
        for place, at in enumerate(numbers):
            column = self.frame.iloc[:, at]
            try:
                values[:, place] = column.to_numpy(dtype=np.float64, na_value=np.nan)
            except (TypeError, ValueError):
                raise UserError(f"{self.where}: the column {self.header[at]} has no numbers") from None
        return Cells([text_values(self.where, self.frame.iloc[:, at].to_numpy()) for at in texts], values)


def frame_table(where: str, frame: "pd.DataFrame", kind: str = "DataFrame") -> FrameTable:
    """The table of a frame. Its index is a column called id where no column has ids.

    An index that numbers the rows from 0, or repeats itself, is none.
    """
    import pandas as pd

    numbers = pd.RangeIndex(len(frame))
    named = find_column([str(name) for name in frame.columns], ID_COLUMNS) is not None
    if not named and frame.index.is_unique and not frame.index.equals(numbers):
        frame = frame.reset_index(names="id")
    return FrameTable(where, frame, kind)


def open_table(path: Path) -> Table:
    """The table in a file.

    Raises:
        UserError: it cannot be read, or is parquet and pyarrow is not installed.
    """
    if path.name.lower().endswith(CSV_SUFFIXES):
        return CsvTable(path)
    import pandas as pd

    try:
        return frame_table(str(path), pd.read_parquet(path), "parquet")
    except ImportError as error:
        raise UserError(f"{path}: parquet needs pyarrow, `pip install pyarrow`; or write it as CSV or .npy") from error
    except Exception as error:  # pyarrow raises nearly anything for damaged files.
        raise UserError(f"{path} cannot be read as parquet: {' '.join(str(error).split())[:120]}") from error


def is_table(path: Path) -> bool:
    """Whether the file's name is that of a table."""
    return path.name.lower().endswith((*CSV_SUFFIXES, PARQUET))


def text_values(where: str, values: NDArray[Any]) -> list[str]:
    """The values as text: whole numbers without `.0`, missing ones empty.

    Raises:
        UserError: bytes that are no ASCII text, or text that is too long.
    """
    if values.dtype.kind == "f":
        whole = np.isnan(values) | (np.abs(values) < 2**53) & (values == np.floor(values))
        texts = ["" if np.isnan(value) else str(int(value)) for value in values.tolist()] if whole.all() else None
        return texts or ["" if np.isnan(value) else repr(value) for value in values.tolist()]
    try:
        # A missing value is the only one that differs from itself.
        texts = [
            ""
            if value is None or value != value  # noqa: PLR0124
            else value.decode("ascii")
            if isinstance(value, bytes)
            else str(value).strip()
            for value in values.tolist()
        ]
    except UnicodeDecodeError as error:
        raise UserError(f"{where} holds bytes that are no ASCII text") from error
    except (TypeError, ValueError) as error:
        raise UserError(f"{where} holds values that are neither text nor numbers") from error
    if any(len(text) > LONGEST_TEXT or "\0" in text for text in texts):
        raise UserError(f"{where} has text that is too long, expected at most {LONGEST_TEXT} characters")
    return texts


@contextmanager
def _one_line(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path} is no CSV in UTF-8: {error}") from error
    except (EOFError, zlib.error) as error:
        raise UserError(f"{path} is a damaged gzip file: {error}") from error


def _float(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _number(text: str, line: int, faults: dict[str, int]) -> float:
    number = _float(text)
    if number is None:
        shown = text.strip() if len(text) <= 40 else f"{text[:40]}..."
        _count(faults, "cells", f"line {line}: {shown!r} is no number, expected a probability")
    return float("nan") if number is None else number


def _count(faults: dict[str, int], kind: str, phrase: str) -> None:
    """Keep the first phrase of a kind, and count the others."""
    first = next((known for known in faults if known.startswith(f"{kind}\0")), f"{kind}\0{phrase}")
    faults[first] = faults.get(first, 0) + 1


def _phrases(faults: dict[str, int]) -> list[str]:
    return [and_others(key.partition("\0")[2], count - 1, key.partition("\0")[0]) for key, count in faults.items()]


def and_others(phrase: str, others: int, what: str) -> str:
    """The phrase, and how many others it is true of."""
    return f"{phrase} (and {others:,} other {what})" if others else phrase
