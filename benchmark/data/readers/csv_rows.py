"""The rows of a CSV file of images; every complaint names the line as an editor counts it."""

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmark.data.readers.file_kinds import check_csv, check_header
from benchmark.data.readers.pixels import parse_pixels, pixel_count
from benchmark.dataset import image_shape
from benchmark.matching.cell_text import LONGEST_TEXT, UNNAMED, too_long
from benchmark.matching.class_names import listed
from zoo.errors import UserError

ID_COLUMNS: Final = ("id",)
LABEL_COLUMNS: Final = ("emotion", "label", "class", "target")
_PIXELS: Final = "pixels"
USAGE_COLUMNS: Final = ("usage",)
ACCEPTED: Final = "pixels (or pixel0, pixel1, ...), emotion (or label, class, target), Usage, id"
# A column for each pixel, as pixel0 or 1x1 (row and column).
_PIXEL: Final = re.compile(r"(?:pixel|px)[ _]?(\d{1,9})|(\d{1,4})x(\d{1,4})")

START_BYTES: Final = 512
# Enough for 64x64 pixels in colour, each in a column.
HEADER_BYTES: Final = 1 << 19
# Some four million pixels.
LONGEST_LINE_BYTES: Final = 1 << 24


@dataclass(frozen=True)
class Columns:
    """The columns' positions, from 0; None for a missing one. Columns of one pixel each count as one called pixels.

    Attributes:
        names: all of them, stripped, as written.
        label: the label column's name in lower case.
        width: how many columns the pixels have: 1 for numbers between spaces.
    """

    names: tuple[str, ...]
    pixels: int
    labels: int | None
    label: str
    usage: int | None
    ids: int | None
    width: int = 1

    def __str__(self) -> str:
        names = [name for name in self.names if name]
        if self.width > 1:
            edge, channels = image_shape(self.width)
            pixels = f"{_PIXELS} in {self.width:,} columns, {edge}x{edge} {'RGB' if channels == 3 else 'grey'}"
            names = [pixels if name == _PIXELS else name for name in names]
        return ", ".join(names)


@dataclass(eq=False)
class Rows:
    """The rows of a file, blank lines left out.

    Attributes:
        images: uint8, shape (n, edge, edge, 1 or 3).
        lines: line number of each row, from 1; the header is on line 1.
        labels, usages, ids: stripped text of each row, or empty where there is no such column.
    """

    images: NDArray[np.uint8]
    lines: list[int] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    usages: list[str] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.images)

    def error(self, path: Path, row: int, message: str) -> UserError:
        """The error for that row (from 0)."""
        return _line_error(path, self.lines[row], message)


def has_pixels(path: Path) -> bool:
    """Whether it is a file whose first line names pixels, whatever else may be wrong with it; no hidden one."""
    if not path.is_file() or path.name.startswith("."):
        return False
    with path.open("rb") as file:
        line = file.readline(HEADER_BYTES).decode("utf-8-sig", "replace")
    names = [name.strip(' "\r\n') for name in line.lower().split(",")]
    return _PIXELS in names or sum(_PIXEL.fullmatch(name) is not None for name in names) > 1


def read_header(path: Path) -> Columns:
    """The columns that the file's first line names.

    Raises:
        UserError: an empty file, a file of another kind, or columns that are missing, unknown or repeated.
    """
    with path.open("rb") as file:
        start = file.read(START_BYTES)
        check_csv(path, start)
        file.seek(0)
        return _columns(path, file.readline(HEADER_BYTES))


def read_rows(path: Path, columns: Columns) -> Rows:
    """Every row of the file.

    Raises:
        UserError: no rows, or one with another number of columns or pixels, or with values that are not pixels.
    """
    rows = Rows(np.empty((0, 1, 1, 1), dtype=np.uint8))
    pixels = bytearray()
    count = columns.width if columns.width > 1 else 0
    with path.open("rb") as file:
        file.readline(HEADER_BYTES)
        # Without a limit a file without line ends would be read into memory as a whole.
        for line_number, line in enumerate(iter(partial(file.readline, LONGEST_LINE_BYTES + 1), b""), start=2):
            if not line.strip():
                continue
            text = _row(path, line_number, line.removesuffix(b"\n"), columns, rows)
            try:
                count = count or pixel_count(text)
                pixels += parse_pixels(text, count)
            except ValueError as error:
                hint = "" if line.endswith(b"\n") else "; the file seems to be cut short"
                raise _line_error(path, line_number, f"{error}{hint}") from error
    if not pixels:
        raise UserError(f"{path}: no rows after the header, expected at least one image")
    edge, channels = image_shape(count)
    rows.images = np.frombuffer(pixels, dtype=np.uint8).reshape(-1, edge, edge, channels)
    return rows


def _row(path: Path, line_number: int, line: bytes, columns: Columns, rows: Rows) -> bytes:
    """Append what the line says to `rows`, and return its pixels."""
    if len(line) > LONGEST_LINE_BYTES:
        raise _line_error(path, line_number, f"more than {LONGEST_LINE_BYTES:,} bytes, expected one image")
    fields = (
        _narrowed(path, line_number, line, columns)
        if columns.width > 1
        else _fields(path, line_number, line, len(columns.names))
    )
    rows.lines.append(line_number)
    try:
        for position, texts in ((columns.labels, rows.labels), (columns.usage, rows.usages), (columns.ids, rows.ids)):
            if position is not None:
                text = fields[position].decode().strip()
                if too_long(text):
                    what = f"{len(text):,} characters" if len(text) > LONGEST_TEXT else "a null character"
                    name = columns.names[position]
                    raise _line_error(
                        path, line_number, f"{name} has {what}, expected at most {LONGEST_TEXT:,} plain ones"
                    )
                texts.append(text)
    except UnicodeDecodeError as error:
        raise _line_error(path, line_number, f"byte {error.object[error.start]:#04x}, expected UTF-8 text") from error
    return fields[columns.pixels].strip()


def _fields(path: Path, line_number: int, line: bytes, expected: int) -> list[bytes]:
    fields = line.split(b",")
    if b'"' in line:
        # Python's reader refuses fields of more than 131,072 characters, so it gets only what this cannot do.
        fields = [value.strip() for value in fields]
        fields = [value[1:-1] if value[:1] == value[-1:] == b'"' and len(value) > 1 else value for value in fields]
        if len(fields) != expected or any(b'"' in value for value in fields):
            fields = _quoted(path, line_number, line)
    if len(fields) != expected:
        raise _line_error(path, line_number, f"{len(fields)} columns, expected {expected}")
    return fields


def _narrowed(path: Path, line_number: int, line: bytes, columns: Columns) -> list[bytes]:
    """The fields, with the pixels of all their columns as one, between spaces."""
    first, width = columns.pixels, columns.width
    behind = len(columns.names) - first - 1
    fields = line.split(b",", first)
    fields[first:] = fields[-1].rsplit(b",", behind) if len(fields) > first else []
    if b'"' in line or len(fields) != len(columns.names) or fields[first].count(b",") != width - 1:
        fields = _fields(path, line_number, line, len(columns.names) + width - 1)
        fields[first : first + width] = [b",".join(fields[first : first + width])]
    fields[first] = fields[first].replace(b",", b" ")
    return fields


def _quoted(path: Path, line_number: int, line: bytes) -> list[bytes]:
    """Fields that hold commas or quotes themselves, read by Python's own reader."""
    try:
        text = line.decode("utf-8", "surrogateescape").rstrip("\r")
        return [value.encode("utf-8", "surrogateescape") for value in next(csv.reader([text], strict=True))]
    except csv.Error as error:
        raise _line_error(path, line_number, f"quotes that cannot be read ({error})") from error


def _line_error(path: Path, line_number: int, message: str) -> UserError:
    return UserError(f"{path}, line {line_number}: {message}")


def _columns(path: Path, header: bytes) -> Columns:
    if not header.strip():
        raise UserError(f"{path}: the first line is empty, expected the columns' names ({ACCEPTED})")
    try:
        text = header.decode("utf-8-sig")
        check_header(path, text)
        names = tuple(name.strip() for name in next(csv.reader([text.strip("\r\n")])))
    except (UnicodeDecodeError, csv.Error, StopIteration):
        names = ()
    if not names or not all(name.isprintable() for name in names):
        raise UserError(f"{path}: the first line is not UTF-8 text, expected a CSV file with columns {ACCEPTED}")
    names, width = _with_one_for_pixels(path, names)
    lower = [name.lower() for name in names]
    known = (*ID_COLUMNS, *LABEL_COLUMNS, _PIXELS, *USAGE_COLUMNS, *UNNAMED)
    unknown = [name for name in names if name.lower() not in known]
    pixels = _position(path, lower, (_PIXELS,))
    if unknown or pixels is None:
        problem = f"unknown {_columns_called(unknown)}" if unknown else "no column pixels"
        raise UserError(f"{path}: {problem}; found {listed([name[:30] for name in names])}; accepted are {ACCEPTED}")
    labels = _position(path, lower, LABEL_COLUMNS)
    return Columns(
        names,
        pixels,
        labels,
        "" if labels is None else lower[labels],
        _position(path, lower, USAGE_COLUMNS),
        _position(path, lower, ID_COLUMNS),
        width,
    )


def _with_one_for_pixels(path: Path, names: tuple[str, ...]) -> tuple[tuple[str, ...], int]:
    """The names with a single `pixels` for columns of one pixel each, and how many these are; 1 where there are none.

    Raises:
        UserError: these are not side by side, are out of order, or make no square image.
    """
    matches = {place: match for place, name in enumerate(names) if (match := _PIXEL.fullmatch(name.lower()))}
    if len(matches) < 2:
        return names, 1
    first, count = min(matches), len(matches)
    numbers = [tuple(int(number) for number in match.groups() if number) for match in matches.values()]
    if max(matches) - first + 1 != count or numbers != sorted(set(numbers)):
        raise UserError(f"{path}: columns {names[first]} to {names[max(matches)]} are not in the order of the pixels")
    if not image_shape(count)[0]:
        raise UserError(
            f"{path}: {count:,} columns of pixels, expected a square number of them (28x28 are 784), or three times one"
        )
    return (*names[:first], _PIXELS, *names[first + count :]), count


def _columns_called(names: Sequence[str]) -> str:
    shown = ", ".join(repr(name[:30]) for name in names[:5])
    return f"column{'s' if len(names) > 1 else ''} {shown}{' ...' if len(names) > 5 else ''}"


def _position(path: Path, names: Sequence[str], accepted: Sequence[str]) -> int | None:
    matches = [index for index, name in enumerate(names) if name in accepted]
    if len(matches) > 1:
        raise UserError(
            f"{path}: columns {' and '.join(names[match] for match in matches)} found, expected one of them"
        )
    return matches[0] if matches else None
