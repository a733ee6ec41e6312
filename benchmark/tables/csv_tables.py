"""CSV files that a user hands over, compressed or not.

Numbers of a large file are read by pandas' parser, in blocks. Where it finds a fault, or could miss one, the file is
read again row by row, so that every fault has its line.
"""

import codecs
import csv
import gzip
import io
import re
import zlib
from array import array
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmark.files.npz_files import LARGEST_EXPANSION, SMALL_BYTES
from benchmark.matching.cell_text import LONGEST_TEXT, too_long
from benchmark.tables.frame_tables import Cells, and_others, is_number
from zoo.errors import UserError

DELIMITERS: Final = (",", ";", "\t")
PARSED_BYTES: Final = 1 << 20
"""CSV files from this size on are worth the import of pandas."""

BLOCK_NUMBERS: Final = 1 << 21

QUOTE_AND_NUL: Final = ('"', "\0")
"""What pandas' parser may read differently from `csv`."""

_WHOLE: Final = re.compile(r"-?\d+(\.0*)?")
_COMMA: Final = re.compile(r"[-+]?\d*,\d+([eE][-+]?\d+)?")


@dataclass(frozen=True, eq=False)
class CsvTable:
    """A CSV file in UTF-8, or in UTF-16 with a byte-order mark as Windows' programs write it, with or without gzip.

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
            tabbed = self.path.name.lower().removesuffix(".gz").endswith(".tsv")
            marks = ("\t", *DELIMITERS) if tabbed else DELIMITERS
            delimiter = next((mark for mark in marks if mark in line), ",")
            cells = next(csv.reader([line], delimiter=delimiter), [])
            return [cell.strip() for cell in cells], delimiter

    @cached_property
    def _encoding(self) -> str:
        with self._content() as content:
            marked = io.BufferedReader(content).read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
        return "utf-16" if marked else "utf-8-sig"  # Excel writes a byte-order mark in UTF-8, too.

    @property
    def width(self) -> int:
        return len(self._first[0])

    @cached_property
    def header(self) -> tuple[str, ...]:
        first = self._first[0]
        numbers = {float(cell) if is_number(cell) else None for cell in first}
        # Classes may be called 0, 1, 2 or 1.0; a first row of probabilities has fractions or says a number twice.
        names = all(_WHOLE.fullmatch(cell) for cell in first) and len(numbers) == len(first) > 1
        headed = (not first or None in numbers or names) if self.headed is None else self.headed
        return tuple(first) if headed else ()

    def peek(self, count: int) -> list[list[str]]:
        """The first rows below the header."""
        return [[cell.strip() for cell in cells] for _, cells in islice(self._whole(), count)]

    def read(self, texts: Sequence[int], numbers: Sequence[int], dtype: Any = np.float32) -> Cells:
        """Read these columns.

        Raises:
            UserError: the file cannot be read, or a text is too long for an array.
        """
        large = numbers and self.path.stat().st_size > PARSED_BYTES and self._encoding != "utf-16"
        parsed = self._parsed(texts, numbers, dtype) if large else None
        return parsed or self._read(texts, numbers, dtype)

    def line(self, row: int) -> int:
        """Where a row stands, from 1. The file is read again for it, because only messages need it."""
        return next(islice(self._whole(), row, None))[0]

    def _whole(self) -> Iterator[tuple[int, list[str]]]:
        return ((line, cells) for line, cells in self._rows() if len(cells) == self.width)

    def _parsed(self, texts: Sequence[int], numbers: Sequence[int], dtype: Any) -> Cells | None:
        """The columns as pandas' parser reads them; None where there may be a fault."""
        import pandas as pd

        # The default of pandas before 3.1 is off in the last digit; 3.1 warns of the option.
        version = tuple(map(int, pd.__version__.split(".")[:2]))
        exact: Any = {"float_precision": "round_trip"} if version < (3, 1) else {}
        columns: list[list[str]] = [[] for _ in texts]
        numbered, delimiter = array(np.dtype(dtype).char), self._first[1]
        try:
            with self._content() as content:
                for frame in pd.read_csv(
                    content,
                    sep=delimiter,
                    header=0 if self.header else None,
                    names=range(self.width),
                    usecols=sorted([*texts, *numbers]),
                    dtype={**dict.fromkeys(texts, object), **dict.fromkeys(numbers, np.float64)},
                    na_filter=False,
                    **exact,
                    chunksize=max(1, BLOCK_NUMBERS // self.width),
                ):
                    numbered.frombytes(np.ascontiguousarray(frame[list(numbers)].to_numpy(dtype)).data.cast("B"))
                    for at, column in zip(texts, columns, strict=True):
                        column.extend(map(str.strip, frame[at].tolist()))
        except (ValueError, UserError):  # those of pandas are ValueErrors
            return None
        values = np.frombuffer(numbered, dtype).reshape(-1, len(numbers))
        # It drops the cells that a row has too many, and pads a row that has too few.
        whole = content.counted[delimiter] == (self.width - 1) * (len(values) + bool(self.header))
        doubtful = any(content.counted[character] for character in QUOTE_AND_NUL)
        if doubtful or not whole or any("" in column or too_long(*column) for column in columns):
            return None
        return Cells(columns, values, self.line)

    def _read(self, texts: Sequence[int], numbers: Sequence[int], dtype: Any) -> Cells:
        read, values = Cells([[] for _ in texts], np.empty(0)), array(np.dtype(dtype).char)
        faults: dict[str, tuple[str, int]] = {}
        count = 0
        for line, cells in self._rows():
            if len(cells) != self.width:
                _count(faults, "lines", f"line {line}: {len(cells)} columns, expected {self.width}")
                continue
            for at, column in zip(texts, read.texts, strict=True):
                column.append(cells[at].strip())
                if too_long(column[-1]):
                    what = self.header[at] if self.header else f"column {at + 1}"
                    raise UserError(
                        f"{self.path}, line {line}: {what} is too long, expected at most {LONGEST_TEXT} characters"
                    )
            try:
                row = list(map(float, [cells[at] for at in numbers]))
            except ValueError:
                row = [_number(cells[at], line, faults) for at in numbers]
                read.unread.add(count)
            values.extend(row)
            count += 1
        read.values = np.frombuffer(values, dtype).reshape(count, len(numbers))
        read.line = self.line
        read.faults += [and_others(first, others, kind) for kind, (first, others) in faults.items()]
        return read

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
    def _content(self) -> Iterator["_Content"]:
        with _one_line(self.path):
            if self.path.exists() and not self.path.is_file():
                raise UserError(f"cannot read {self.path}: it is not a file")
            with self.path.open("rb") as file:
                yield _Content(file, self.path)

    @contextmanager
    def _text(self) -> Iterator[io.TextIOWrapper]:
        encoding = self._encoding
        with self._content() as content:
            # csv needs the line ends unchanged.
            yield io.TextIOWrapper(io.BufferedReader(content, 1 << 20), encoding=encoding, newline="")


class _Content(io.RawIOBase):
    """The content of a file, unpacked if it is gzip, up to what an honest file of its size can hold.

    Attributes:
        counted: how many of these characters were read.
    """

    def __init__(self, file: Any, path: Path) -> None:
        self._file = gzip.GzipFile(fileobj=file) if path.name.lower().endswith(".gz") else file
        self._left = max(SMALL_BYTES, LARGEST_EXPANSION * path.stat().st_size)
        self.counted = dict.fromkeys((*DELIMITERS, *QUOTE_AND_NUL), 0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        content = self._file.read(len(buffer))
        self._left -= len(content)
        if self._left < 0:
            raise OSError("it unpacks to more than a file of its size can hold")
        buffer[: len(content)] = content
        for character in self.counted:
            self.counted[character] += content.count(character.encode())
        return len(content)


@contextmanager
def _one_line(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from error
    except (UnicodeError, csv.Error) as error:
        raise UserError(f"{path} is not a CSV file in UTF-8: {error}") from error
    except (EOFError, zlib.error) as error:
        raise UserError(f"{path} is a damaged gzip file: {error}") from error


def _number(text: str, line: int, faults: dict[str, tuple[str, int]]) -> float:
    if not is_number(text):
        shown = text.strip() if len(text) <= 40 else f"{text[:40]}..."
        hint = ", with a point in place of the comma" if _COMMA.fullmatch(text.strip()) else ""
        _count(faults, "cells", f"line {line}: {shown!r} is not a number, expected a probability{hint}")
        return float("nan")
    return float(text)


def _count(faults: dict[str, tuple[str, int]], kind: str, phrase: str) -> None:
    """Keep the first phrase of a kind, and count the others."""
    first, others = faults.get(kind, (phrase, -1))
    faults[kind] = first, others + 1
