"""The text of cells in users' tables: how long it may be, what stands for none, and whole numbers with a fraction."""

import re
from typing import Final

LONGEST_TEXT: Final = 1000
"""Ids and labels have at most so many characters."""

NO_LABEL: Final = ("", "nan")
"""What stands for a missing label, in lower case."""

UNNAMED: Final = ("", "unnamed: 0")
"""Headings, in lower case, of the index that pandas writes before the columns: row numbers, unless the user set
another."""

_NO_FRACTION: Final = re.compile(r"(?<=\d)\.0*$")


def too_long(*texts: str) -> bool:
    """Whether one is too long for an array: NumPy pads all to the longest, and drops null characters at the end."""
    return any(len(text) > LONGEST_TEXT or "\0" in text for text in texts)


def without_fraction(text: str) -> str:
    """3 for 3.0, as pandas writes whole numbers beside missing ones, and for 3., as NumPy does; 003 as it is."""
    return _NO_FRACTION.sub("", text)
