"""What the texts on an explanation are made of: short names, tables and paragraphs of at most 80 columns."""

import textwrap
from collections import Counter
from collections.abc import Sequence
from typing import Final

from tabulate import DataRow, TableFormat, tabulate

from benchmark.explanation import EnsembleMember

WIDTH: Final = 80
NAME: Final = 18
"""Letters of a name in a table or a line."""

ROWS: Final = TableFormat(None, None, None, None, DataRow("", " ", ""), DataRow("", " ", ""), 0, None)
"""Columns with one space between them, without lines."""


def short(name: str, width: int = NAME) -> str:
    """The name, with `..` in its middle where it is longer than `width`."""
    if len(name) <= width:
        return name
    tail = (width - 2) // 2
    return f"{name[: width - 2 - tail]}..{name[-tail:]}"


def told_apart(names: Sequence[str], width: int = NAME) -> dict[str, str]:
    """Each name as `short` has it; names that would look alike have their places, from 1, behind them."""
    alike = Counter(short(name, width) for name in names)
    shown = {}
    for place, name in enumerate(names, 1):
        mark = f" ({place})" if alike[short(name, width)] > 1 else ""
        shown[name] = short(name, width - len(mark)) + mark
    return shown


def seeds_text(member: EnsembleMember) -> str:
    """How many seeds a member averages, to stand behind its name; empty for one."""
    return f" ({len(member.runs)} seeds)" if len(member.runs) > 1 else ""


def table(rows: Sequence[Sequence[str]], alignment: str, headers: Sequence[str] = ()) -> str:
    """Rows below their headings; alignment has a letter per column, l or r."""
    sides = ["left" if letter == "l" else "right" for letter in alignment]
    # The headings are a row like the others: as headings they would be two letters wider.
    text = tabulate([headers, *rows] if headers else rows, (), ROWS, disable_numparse=True, colalign=sides)
    return "\n".join(line.rstrip() for line in text.splitlines())


def paragraph(text: str) -> str:
    """The text in lines of at most 80 columns."""
    return textwrap.fill(text, WIDTH, break_on_hyphens=False)
