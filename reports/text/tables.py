"""Frames as text for a terminal, Markdown for GitHub, CSV and JSON."""

import json
import re
import shutil
import textwrap
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from itertools import zip_longest
from typing import Final

import pandas as pd

from reports.text.columns import COLUMNS, Format

WIDTH: Final = 80
WIDEST_CELL: Final = 30
GAP: Final = "  "
MISSING: Final = "-"

# Of the per-class table; the leaderboard's own stand in `reports.text.columns`.
_CLASS_FORMATS: Final[Mapping[str, tuple[str, Format]]] = {
    "precision": ("precision", "{:.4f}".format),
    "recall": ("recall", "{:.4f}".format),
    "f1": ("F1", "{:.4f}".format),
    "support": ("support", "{:,.0f}".format),
}

FORMATS: Final[Mapping[str, tuple[str, Format]]] = {
    **{name: (column.heading, column.written) for name, column in COLUMNS.items()},
    **_CLASS_FORMATS,
}
"""Heading, and how a value is written, by the name of the frame's column."""

NUMBERS: Final = frozenset(
    [column.heading for column in COLUMNS.values() if column.type != "str"]
    + [heading for heading, _ in _CLASS_FORMATS.values()]
)
"""The headings whose columns are aligned to the right."""

_PARTS: Final = ("_low", "_high", "_std")


def typed(frame: pd.DataFrame, types: Mapping[str, str]) -> pd.DataFrame:
    """These columns of the frame, of these types; a missing text stays missing.

    Text is of the type that pandas itself gives to it: before 3.0, "str" would make the text "None" of what is missing.
    """
    text = pd.Series([""]).dtype
    return frame.reindex(columns=list(types)).astype(
        {name: text if kind == "str" else kind for name, kind in types.items()}
    )


def with_parts(frame: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """These columns of the frame, and behind them the ends of their intervals and their deviations."""
    parts = [f"{name}{part}" for part in _PARTS for name in columns]
    return frame[[*columns, *[name for name in parts if name in frame]]]


def cells(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame as text under readable headings; a score becomes `61.20 ± 0.41 [59.6, 62.8]`."""
    columns = {}
    for name in frame.columns:
        if name.endswith(_PARTS):
            continue
        heading, written = FORMATS.get(name, (name, str))
        bound = COLUMNS[name].bound if name in COLUMNS else None
        missing = pd.Series(float("nan"), index=frame.index)
        low, high, deviation = (frame.get(f"{name}{part}", missing) for part in _PARTS)
        columns[heading] = [
            MISSING if pd.isna(value) else written(value) + _spread(written, std) + _interval(bound, ends)
            for value, std, *ends in zip(frame[name], deviation, low, high, strict=True)
        ]
    return pd.DataFrame(columns, index=frame.index, dtype="object")


def terminal_width() -> int:
    """Columns of the terminal that is printed to, at least `WIDTH`; `WIDTH` for a pipe or a file."""
    return max(WIDTH, shutil.get_terminal_size((WIDTH, 24)).columns)


def text_tables(frame: pd.DataFrame, keys: Sequence[str], widest: int = WIDEST_CELL, width: int = WIDTH) -> str:
    """Text of at most `width` columns: what is too wide goes on in further tables, each led by the key columns.

    Columns of numbers are aligned to the right: those of `NUMBERS`, and all beside the keys that have no letters.

    Args:
        frame: text, see `cells`; long cells are wrapped.
        widest: letters of a cell's longest line.
    """
    columns = {
        name: [wrapped(one_line(value), widest).split("\n") for value in [name, *frame[name]]] for name in frame.columns
    }
    widths = {name: max(_width(line) for lines in cells for line in lines) for name, cells in columns.items()}
    parts = [list(keys)]
    for name in frame.columns.difference(list(keys), sort=False):
        full = sum(widths[used] + len(GAP) for used in parts[-1]) + widths[name] > width
        if full and len(parts[-1]) > len(keys):
            parts.append(list(keys))
        parts[-1].append(name)
    right = NUMBERS | {
        name for name in frame.columns if name not in keys and not any(map(str.isalpha, "".join(frame[name])))
    }
    return "\n\n".join(_text_table({name: columns[name] for name in part}, widths, right) for part in parts)


def markdown_table(frame: pd.DataFrame) -> str:
    """A table that GitHub renders; whatever Markdown or HTML would read as its own is escaped."""
    rows = [[markdown(value) for value in row] for row in [list(frame.columns), *frame.to_numpy().tolist()]]
    rule = ["---:" if name in NUMBERS else "---" for name in frame.columns]
    return "\n".join(f"| {' | '.join(row)} |" for row in [rows[0], rule, *rows[1:]])


def csv_table(frame: pd.DataFrame) -> str:
    """The frame as CSV, numbers in full."""
    return frame.to_csv(index=False)


def json_table(frame: pd.DataFrame) -> str:
    """The frame as a JSON list of one object a row, numbers in full, what is missing as null."""
    rows = frame.astype(object).where(frame.notna(), None).to_dict("records")
    return json.dumps(rows, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def one_line(text: str) -> str:
    """The text with whatever would break a line, or steer a terminal, as spaces."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def markdown(text: str) -> str:
    """The text on one line with Markdown's and HTML's own characters escaped."""
    safe = one_line(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    # Inside a word an underscore is not emphasis, so that cue_vgg stays readable in the source.
    return re.sub(r"[\\`*\[\]|~$]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])", r"\\\g<0>", safe)


def shortened(text: str, width: int) -> str:
    """The text on one line of at most `width` letters, three dots at the end where some are missing."""
    line = one_line(text)
    return line if len(line) <= width else f"{line[: width - 3].rstrip()}..."


def wrapped(text: str, width: int) -> str:
    """The text in lines of at most `width` letters, broken at spaces and behind the + between members' names.

    An interval in brackets, square or round, stays whole where it fits.
    """
    if len(text) <= width:
        return text
    pieces = re.sub(r"(?<=[^\s(\[,])\+| (?![^\[]{,20}\])(?!(?:to )?[-+\d.,]+\))", "\\g<0>\0", text).split("\0")
    lines = [""]
    for piece in pieces:
        if lines[-1] and len(lines[-1]) + len(piece.rstrip()) > width:
            lines.append("")
        lines[-1] += piece
    return "\n".join(part for line in lines for part in textwrap.wrap(line, width, break_on_hyphens=False))


def _spread(written: Format, deviation: float) -> str:
    return "" if pd.isna(deviation) else f" ± {written(deviation)}"


def _interval(bound: Format | None, ends: Sequence[float]) -> str:
    return "" if bound is None or any(map(pd.isna, ends)) else f" [{', '.join(map(bound, ends))}]"


def _width(text: str) -> int:
    """The columns of a terminal that the text takes: letters of Chinese, Japanese and Korean take two."""
    return len(text) + sum(unicodedata.east_asian_width(letter) in "WF" for letter in text if not letter.isascii())


def _text_table(
    columns: Mapping[str, Sequence[Sequence[str]]], widths: Mapping[str, int], right: Collection[str]
) -> str:
    # Each column has its heading and then its cells, each cell its lines.
    rows = []
    for row in zip(*columns.values(), strict=True):
        for line in zip_longest(*row, fillvalue=""):
            placed = []
            for name, text in zip(columns, line, strict=True):
                space = " " * (widths[name] - _width(text))
                placed.append(f"{space}{text}" if name in right else f"{text}{space}")
            rows.append(GAP.join(placed).rstrip())
        if len(rows) == max(len(cells[0]) for cells in columns.values()):
            rows.append(GAP.join("-" * widths[name] for name in columns))
    return "\n".join(rows)
